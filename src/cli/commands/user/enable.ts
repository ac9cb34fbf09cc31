import type { Command } from 'commander'
import * as users from '../../../../db/queries/users.ts'
import { toManagedUser } from '../../../../routes/users/schemas.ts'
import { changeByOperator, done } from '../../operator.ts'
import { example, JSON_OPTION, type OutputOptions } from '../../options.ts'
import { printResult } from '../../output/result.ts'
import { findUser, USER_HELP, type UserArgument, userArgument } from '../../user-argument.ts'
import { withConnection } from '../../with-database.ts'

export function addUserEnable(user: Command): void {
  user
    .command('enable')
    .description('Enables a disabled user. Ended sessions and tokens stay ended.')
    .argument('<user>', USER_HELP, userArgument)
    .option(...JSON_OPTION)
    .addHelpText('after', example('user enable ada'))
    .action((wanted: UserArgument, options: OutputOptions) =>
      withConnection(async (db) => {
        const found = await findUser(db, wanted)
        if (!found.disabled) {
          const sentence = `User ${found.username} is enabled already. Nothing was changed.`
          return await printResult(sentence, toManagedUser(found), options)
        }
        const change = changeByOperator(found.id)
        const updated = await done(users.update(db, change, { disabled: false }), found)
        await printResult(`User ${found.username} enabled.`, toManagedUser(updated.user), options)
      }),
    )
}
