import { type Command, Option } from 'commander'
import { closeDatabase, openDatabase } from '../../../../db/client.ts'
import * as users from '../../../../db/queries/users.ts'
import type { Role } from '../../../../db/schema.ts'
import { createPasswords } from '../../../../plugins/passwords/passwords.ts'
import { isNewUsername } from '../../../../routes/users/schemas.ts'
import type { Config } from '../../../config/config.ts'
import { readPassword } from '../../password.ts'
import { withDatabase } from '../../with-database.ts'

export function addUserCreate(user: Command): void {
  user
    .command('create')
    .description('Creates a user. Prompts for the password, or reads it from standard input.')
    .argument('<name>', 'the username')
    .addOption(new Option('--role <role>', 'the role').choices(['user', 'admin']).default('user'))
    .action((name: string, { role }: { role: Role }) =>
      withDatabase(async (url, config) => {
        await createUser(url, config, name, role)
        console.log(`User ${name} created, role ${role}.`)
      }),
    )
}

async function createUser(
  url: string,
  config: Config,
  username: string,
  role: Role,
): Promise<void> {
  if (!isNewUsername(username)) {
    throw new Error(
      'A username is 1 to 80 letters, digits or ._@+- and starts with a letter or digit.',
    )
  }
  const passwords = await createPasswords({
    cost: config.BCRYPT_COST,
    minLength: config.PASSWORD_MIN_LENGTH,
    queue: { concurrency: 1, maxWaiting: 0 },
  })
  const password = await readPassword()
  passwords.check(password, username)

  const db = openDatabase(url, { connections: 1 })
  try {
    const passwordHash = await passwords.hash(password)
    const created = await users.create(db, { origin: {} }, { username, passwordHash, role })
    if (!created.ok) throw new Error(`A user named ${username} already exists.`)
  } finally {
    await closeDatabase(db)
  }
}
