import type { Command } from 'commander'
import * as users from '../../../../db/queries/users.ts'
import { toManagedUser } from '../../../../routes/users/schemas.ts'
import { changeByOperator, done } from '../../operator.ts'
import { type ChangeOptions, example, FORCE_OPTION, JSON_OPTION } from '../../options.ts'
import { printResult } from '../../output/result.ts'
import { findUser, USER_HELP, type UserArgument, userArgument } from '../../user-argument.ts'
import { withConnection } from '../../with-database.ts'

export function addUserDelete(user: Command): void {
  user
    .command('delete')
    .description('Deletes a user, with the sessions and tokens. The audit trail keeps the events.')
    .argument('<user>', USER_HELP, userArgument)
    .option(...FORCE_OPTION)
    .option(...JSON_OPTION)
    .addHelpText('after', example('user delete ada'))
    .action((wanted: UserArgument, options: ChangeOptions) =>
      withConnection(async (db) => {
        const found = await findUser(db, wanted)
        await done(users.remove(db, changeByOperator(found.id, options)), found)
        const sentence = `User ${found.username} deleted, with its sessions and tokens.`
        await printResult(sentence, toManagedUser(found), options)
      }),
    )
}
