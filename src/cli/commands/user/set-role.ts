import { Argument, type Command } from 'commander'
import * as users from '../../../../db/queries/users.ts'
import { ROLES, type Role } from '../../../../db/schema.ts'
import { toManagedUser } from '../../../../routes/users/schemas.ts'
import { changeByOperator, done } from '../../operator.ts'
import { type ChangeOptions, example, FORCE_OPTION, JSON_OPTION } from '../../options.ts'
import { printResult } from '../../output/result.ts'
import { findUser, USER_HELP, type UserArgument, userArgument } from '../../user-argument.ts'
import { withConnection } from '../../with-database.ts'

export function addUserSetRole(user: Command): void {
  user
    .command('set-role')
    .description('Sets the role of a user. Takes effect on the next request.')
    .argument('<user>', USER_HELP, userArgument)
    .addArgument(new Argument('<role>', 'the role').choices(ROLES))
    .option(...FORCE_OPTION)
    .option(...JSON_OPTION)
    .addHelpText('after', example('user set-role ada admin'))
    .action((wanted: UserArgument, role: Role, options: ChangeOptions) =>
      withConnection(async (db) => {
        const found = await findUser(db, wanted)
        if (found.role === role) {
          const sentence = `User ${found.username} has the role ${role} already. Nothing was changed.`
          return await printResult(sentence, toManagedUser(found), options)
        }
        const change = changeByOperator(found.id, options)
        const updated = await done(users.update(db, change, { role }), found)
        const sentence = `User ${found.username} now has the role ${role}.`
        await printResult(sentence, toManagedUser(updated.user), options)
      }),
    )
}
