import type { Command } from 'commander'
import * as sessions from '../../../../db/queries/sessions.ts'
import { sessionLimits } from '../../../config/limits.ts'
import { example, JSON_OPTION, type OutputOptions } from '../../options.ts'
import { type Layout, pagesOf, printList } from '../../output/list.ts'
import { shortTime } from '../../output/table.ts'
import { findUser, USER_HELP, type UserArgument, userArgument } from '../../user-argument.ts'
import { withConnection } from '../../with-database.ts'

const LAYOUT: Layout<sessions.SessionRecord> = {
  headings: ['ID', 'CREATED', 'LAST SEEN', 'EXPIRES', 'ADDRESS', 'USER AGENT'],
  toCells: (session) => [
    session.id,
    shortTime(session.createdAt),
    shortTime(session.lastSeenAt),
    shortTime(session.expiresAt),
    session.address,
    session.userAgent,
  ],
  toItem: (session) => session,
}

export function addSessionList(session: Command): void {
  session
    .command('list')
    .description('Lists the live sessions of a user, newest first.')
    .argument('<user>', USER_HELP, userArgument)
    .option(...JSON_OPTION)
    .addHelpText('after', example('session list ada'))
    .action((wanted: UserArgument, options: OutputOptions) =>
      withConnection(async (db, config) => {
        const { id } = await findUser(db, wanted)
        const limits = sessionLimits(config)
        const find = (before: number | undefined, limit: number) =>
          sessions.list(db, id, limits, { before, limit })
        await printList(
          pagesOf(find, (row) => row.id),
          LAYOUT,
          options,
        )
      }),
    )
}
