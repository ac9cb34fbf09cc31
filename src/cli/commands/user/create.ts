import { type Command, Option } from 'commander'
import * as users from '../../../../db/queries/users.ts'
import type { Role } from '../../../../db/schema.ts'
import { isNewUsername, toManagedUser } from '../../../../routes/users/schemas.ts'
import type { Config } from '../../../config/config.ts'
import { commandOrigin } from '../../operator.ts'
import { example, JSON_OPTION, type OutputOptions } from '../../options.ts'
import { printResult } from '../../output/result.ts'
import { commandPasswords, readPassword } from '../../password.ts'
import { connected, withDatabase } from '../../with-database.ts'

interface CreateOptions extends OutputOptions {
  role: Role
}

export function addUserCreate(user: Command): void {
  user
    .command('create')
    .description('Creates a user. Prompts for the password, or reads it from standard input.')
    .argument('<name>', 'the username')
    .addOption(new Option('--role <role>', 'the role').choices(['user', 'admin']).default('user'))
    .option(...JSON_OPTION)
    .addHelpText('after', example('user create ada --role admin'))
    .action((name: string, options: CreateOptions) =>
      withDatabase(async (url, config) => {
        const created = await createUser(url, config, name, options.role)
        const sentence = `User ${name} created, role ${options.role}.`
        const item = toManagedUser({ ...created, disabled: false })
        await printResult(sentence, item, options)
      }),
    )
}

async function createUser(
  url: string,
  config: Config,
  username: string,
  role: Role,
): Promise<users.UserRecord> {
  if (!isNewUsername(username)) {
    throw new Error(
      'A username is 1 to 80 letters, digits or ._@+- and starts with a letter or digit.',
    )
  }
  const passwords = await commandPasswords(config)
  const password = await readPassword()
  passwords.check(password, username)
  const passwordHash = await passwords.hash(password)
  return connected(url, async (db) => {
    const user = { username, passwordHash, role }
    const created = await users.create(db, { origin: commandOrigin() }, user)
    if (!created.ok) throw new Error(`A user named ${username} already exists.`)
    return created.user
  })
}
