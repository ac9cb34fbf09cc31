import { type Command, InvalidArgumentError } from 'commander'
import * as tokens from '../../../../db/queries/tokens.ts'
import { isScope, MAX_SCOPES, OWN_SCOPES } from '../../../../plugins/auth/scopes.ts'
import { createTokenFormat } from '../../../../plugins/auth/token-format.ts'
import { isNewTokenName, isTokenExpiry } from '../../../../routes/tokens/schemas.ts'
import { loadConfig, readEnvironment, splitList } from '../../../config/config.ts'
import { deriveKeys, TOKEN_KEY_PURPOSE } from '../../../config/keys.ts'
import { resolveConfig } from '../../../config/resolve.ts'
import { changeByOperator, done } from '../../operator.ts'
import { example, JSON_OPTION, listOf, type OutputOptions } from '../../options.ts'
import { print, toJson, visible } from '../../output/output.ts'
import { findUser, USER_HELP, type UserArgument, userArgument } from '../../user-argument.ts'
import { connected, leavingAfter } from '../../with-database.ts'

const MS_PER_UNIT = { h: 3_600_000, d: 86_400_000 }
const DURATION = /^([1-9][0-9]{0,4})([hd])$/
/** RFC 3339. `Date` accepts more, such as local times without an offset. */
const TIMESTAMP = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,3})?(Z|[+-]\d{2}:\d{2})$/

interface CreateOptions extends OutputOptions {
  name: string
  scope?: string[]
  expires?: Date
}

export function addTokenCreate(token: Command): void {
  token
    .command('create')
    .description(
      'Creates a token that acts as the user. Prints it once, on standard output. Needs the SESSION_SECRET of the server.',
    )
    .argument('<user>', USER_HELP, userArgument)
    .requiredOption('--name <name>', 'what the token is for', tokenName)
    .option(
      '--scope <scope>',
      'what the token may do; several times for several (default: all that the user may)',
      listOf(
        isScope,
        `one of ${OWN_SCOPES.join(', ')}, or a scope of another service, such as orders:read`,
        [MAX_SCOPES, 'scopes'],
      ),
    )
    .option(
      '--expires <when>',
      'a time such as 12h or 90d from now, or a timestamp (default: never)',
      expiry,
    )
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      example(
        'token create ada --name "nightly job" --expires 90d > token.txt',
        'token create billing --name orders --scope orders:read --scope introspect',
        'token create ada --name backup --expires 2030-01-01T00:00:00Z',
      ),
    )
    .action((wanted: UserArgument, options: CreateOptions) =>
      leavingAfter(
        () => resolveConfig(loadConfig(readEnvironment())),
        ({ config }) =>
          connected(config.DATABASE_URL, config, async (db) => {
            const found = await findUser(db, wanted)
            const keys = deriveKeys(splitList(config.SESSION_SECRET), TOKEN_KEY_PURPOSE)
            const secret = createTokenFormat(keys).create()
            const expiresAt = options.expires?.toISOString()
            const row = { secret, name: options.name, scopes: options.scope, expiresAt }
            const change = changeByOperator(found.id)
            const created = await done(
              tokens.create(db, change, row, { maxTokens: config.MAX_TOKENS }),
              found,
              {
                'token-limit': `User ${found.username} has MAX_TOKENS tokens. End one first.`,
                'account-disabled': `User ${found.username} is disabled. Enable the user first.`,
              },
            )
            if (options.json) {
              await print(toJson({ ...created.token, userId: found.id, token: secret }))
              return
            }
            console.error(visible(`Token ${created.token.id} of ${found.username} created.`))
            await print(secret)
          }),
      ),
    )
}

function tokenName(text: string): string {
  if (isNewTokenName(text)) return text
  throw new InvalidArgumentError('A name is 1 to 100 characters without control characters.')
}

function expiry(text: string): Date {
  const [, amount, unit] = DURATION.exec(text) ?? []
  const date =
    unit === 'h' || unit === 'd'
      ? new Date(Date.now() + Number(amount) * MS_PER_UNIT[unit])
      : new Date(TIMESTAMP.test(text) ? text : Number.NaN)
  if (isTokenExpiry(date)) return date
  throw new InvalidArgumentError(
    'It must be 12h, 90d or a timestamp such as 2030-01-01T00:00:00Z, at most ten years ahead.',
  )
}
