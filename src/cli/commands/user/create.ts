import { type Command, Option } from 'commander'
import * as users from '../../../../db/queries/users.ts'
import { ROLES, type Role } from '../../../../db/schema.ts'
import { isAddressRange } from '../../../../plugins/addresses/ranges.ts'
import {
  isNewUsername,
  MAX_ADDRESS_RANGES,
  toManagedUser,
} from '../../../../routes/users/schemas.ts'
import type { Config } from '../../../config/config.ts'
import { commandOrigin } from '../../operator.ts'
import { example, JSON_OPTION, listOf, type OutputOptions } from '../../options.ts'
import { printResult } from '../../output/result.ts'
import { commandPasswords, readPassword } from '../../password.ts'
import { connected, withDatabase } from '../../with-database.ts'

interface CreateOptions extends OutputOptions {
  role: Role
  service?: true
  address?: string[]
}

const USERNAME_RULE =
  'A username is 1 to 80 letters, digits or ._@+- and starts with a letter or digit.'

export function addUserCreate(user: Command): void {
  user
    .command('create')
    .description('Creates a user. Prompts for the password, or reads it from standard input.')
    .argument('<name>', 'the username')
    .addOption(new Option('--role <role>', 'the role').choices(ROLES).default('user'))
    .option('--service', 'create a service account, which has no password and acts by its tokens')
    .option(
      '--address <range>',
      'an address or CIDR that its tokens may come from; several times for several',
      listOf(isAddressRange, 'an address or a CIDR, such as 192.0.2.0/24', [
        MAX_ADDRESS_RANGES,
        'ranges',
      ]),
    )
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      example('user create ada --role admin', 'user create billing --service --address 10.0.0.0/8'),
    )
    .action((username: string, options: CreateOptions) =>
      withDatabase(async (url, config) => {
        if (!isNewUsername(username)) throw new Error(USERNAME_RULE)
        const created = options.service
          ? await createService(url, config, username, options)
          : await createPerson(url, config, username, options)
        const what = options.service ? 'Service' : 'User'
        const sentence = `${what} ${username} created, role ${options.role}.`
        await printResult(sentence, toManagedUser(created), options)
      }),
    )
}

function createService(
  url: string,
  config: Config,
  username: string,
  { role, address }: CreateOptions,
) {
  return connected(url, config, async (db) => {
    const service = { username, role, addressRanges: address ?? null }
    return added(await users.createService(db, { origin: commandOrigin() }, service), username)
  })
}

async function createPerson(
  url: string,
  config: Config,
  username: string,
  { role, address }: CreateOptions,
) {
  if (address) throw new Error('Only a service account has address ranges: add --service.')
  const passwords = await commandPasswords(config)
  const password = await readPassword()
  passwords.check(password, username)
  const passwordHash = await passwords.hash(password)
  return connected(url, config, async (db) => {
    const user = { username, passwordHash, role }
    return added(await users.create(db, { origin: commandOrigin() }, user), username)
  })
}

/** @throws Error if the name is taken */
function added(
  created: Awaited<ReturnType<typeof users.create>>,
  username: string,
): users.ManagedUserRecord {
  if (created.ok) return created.user
  throw new Error(`A user named ${username} already exists.`)
}
