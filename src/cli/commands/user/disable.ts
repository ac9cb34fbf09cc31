import type { Command } from 'commander'
import * as users from '../../../../db/queries/users.ts'
import { toManagedUser } from '../../../../routes/users/schemas.ts'
import { changeByOperator, done } from '../../operator.ts'
import { type ChangeOptions, example, FORCE_OPTION, JSON_OPTION } from '../../options.ts'
import { printResult } from '../../output/result.ts'
import { findUser, USER_HELP, type UserArgument, userArgument } from '../../user-argument.ts'
import { withConnection } from '../../with-database.ts'

export function addUserDisable(user: Command): void {
  user
    .command('disable')
    .description(
      'Disables a user, and ends the sessions and tokens. Takes effect on the next request.',
    )
    .argument('<user>', USER_HELP, userArgument)
    .option(...FORCE_OPTION)
    .option(...JSON_OPTION)
    .addHelpText('after', example('user disable ada'))
    .action((wanted: UserArgument, options: ChangeOptions) =>
      withConnection(async (db) => {
        const found = await findUser(db, wanted)
        if (found.disabled) {
          const sentence = `User ${found.username} is disabled already. Nothing was changed.`
          return await printResult(sentence, toManagedUser(found), options)
        }
        const change = changeByOperator(found.id, options)
        const updated = await done(users.update(db, change, { disabled: true }), found)
        const sentence = `User ${found.username} disabled. Its sessions and tokens have ended.`
        await printResult(sentence, toManagedUser(updated.user), options)
      }),
    )
}
