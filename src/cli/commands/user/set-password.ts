import type { Command } from 'commander'
import * as users from '../../../../db/queries/users.ts'
import { toManagedUser } from '../../../../routes/users/schemas.ts'
import { changeByOperator, done } from '../../operator.ts'
import { example, JSON_OPTION, type OutputOptions } from '../../options.ts'
import { printResult } from '../../output/result.ts'
import { commandPasswords, readPassword } from '../../password.ts'
import { findUser, USER_HELP, type UserArgument, userArgument } from '../../user-argument.ts'
import { withConnection } from '../../with-database.ts'

export function addUserSetPassword(user: Command): void {
  user
    .command('set-password')
    .description(
      'Sets a password, and ends the sessions and tokens. Prompts for it, or reads it from standard input.',
    )
    .argument('<user>', USER_HELP, userArgument)
    .option(...JSON_OPTION)
    .addHelpText('after', example('user set-password ada', 'user set-password ada < password.txt'))
    .action((wanted: UserArgument, options: OutputOptions) =>
      withConnection(async (db, config) => {
        const found = await findUser(db, wanted)
        if (found.kind === 'service') throw new Error(noPassword(found))
        const passwords = await commandPasswords(config)
        const password = await readPassword()
        passwords.check(password, found.username)
        const passwordHash = await passwords.hash(password)
        const change = changeByOperator(found.id)
        await done(users.changePassword(db, change, { passwordHash }), found, {
          'no-password': noPassword(found),
        })
        const sentence = `Password of ${found.username} changed. Its sessions and tokens have ended.`
        await printResult(sentence, toManagedUser(found), options)
      }),
    )
}

function noPassword({ username }: { username: string }): string {
  return `${username} is a service account, which has no password.`
}
