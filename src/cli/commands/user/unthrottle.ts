import type { Command } from 'commander'
import { unthrottle } from '../../../../db/queries/throttle.ts'
import { changeByOperator, done } from '../../operator.ts'
import { example, JSON_OPTION, type OutputOptions } from '../../options.ts'
import { printResult } from '../../output/result.ts'
import { findUser, USER_HELP, type UserArgument, userArgument } from '../../user-argument.ts'
import { withConnection } from '../../with-database.ts'

export function addUserUnthrottle(user: Command): void {
  user
    .command('unthrottle')
    .description('Ends the delay of logins from any address. The delays of address ranges stay.')
    .argument('<user>', USER_HELP, userArgument)
    .option(...JSON_OPTION)
    .addHelpText('after', example('user unthrottle ada'))
    .action((wanted: UserArgument, options: OutputOptions) =>
      withConnection(async (db) => {
        const found = await findUser(db, wanted)
        await done(unthrottle(db, changeByOperator(found.id)), found)
        const sentence = `The delay for ${found.username} is removed. Delays of single address ranges remain.`
        await printResult(sentence, { userId: found.id }, options)
      }),
    )
}
