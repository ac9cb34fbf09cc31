import type { Command } from 'commander'
import { summarize } from '../../../../db/queries/operator-views.ts'
import { findThrottle } from '../../../../db/queries/throttle.ts'
import { toManagedUser } from '../../../../routes/users/schemas.ts'
import { sessionLimits } from '../../../config/limits.ts'
import { example, JSON_OPTION, type OutputOptions } from '../../options.ts'
import { print, toJson } from '../../output/output.ts'
import { shortTime, Table } from '../../output/table.ts'
import { findUser, USER_HELP, type UserArgument, userArgument } from '../../user-argument.ts'
import { withConnection } from '../../with-database.ts'

export function addUserShow(user: Command): void {
  user
    .command('show')
    .description(
      'Shows a user, with the number of live sessions and tokens, and whether logins are throttled.',
    )
    .argument('<user>', USER_HELP, userArgument)
    .option(...JSON_OPTION)
    .addHelpText('after', example('user show ada', 'user show id:7 --json'))
    .action((wanted: UserArgument, options: OutputOptions) =>
      withConnection(async (db, config) => {
        const found = await findUser(db, wanted)
        const summary = await summarize(db, found.id, sessionLimits(config))
        const throttle = await findThrottle(db, found.username)
        const shown = { ...toManagedUser(found), ...summary, ...throttle }
        if (options.json) return await print(toJson(shown))
        const lines = new Table().format([
          ['id', shown.id],
          ['username', shown.username],
          ['role', shown.role],
          ['state', shown.disabled ? 'disabled' : 'enabled'],
          ['created', shortTime(shown.createdAt)],
          ['imported', shortTime(summary?.importedAt ?? null)],
          ['password changed', shortTime(summary?.passwordChangedAt ?? null)],
          ['sessions', summary?.sessions ?? 0],
          ['tokens', summary?.tokens ?? 0],
          ['failed attempts', throttle.failedAttempts],
          ['throttled until', shortTime(throttle.throttledUntil)],
        ])
        await print(...lines)
      }),
    )
}
