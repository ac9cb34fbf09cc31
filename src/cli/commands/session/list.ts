import type { Command } from 'commander'
import { listSessions } from '../../../../db/queries/operator-views.ts'
import * as sessions from '../../../../db/queries/sessions.ts'
import { sessionLimits } from '../../../config/limits.ts'
import { example, JSON_OPTION, MAX_COUNT, type OutputOptions, wholeNumber } from '../../options.ts'
import { type Layout, pagesOf, printList } from '../../output/list.ts'
import { shortTime } from '../../output/table.ts'
import { findUser, USER_HELP, type UserArgument, userArgument } from '../../user-argument.ts'
import { withConnection } from '../../with-database.ts'

interface ListOptions extends OutputOptions {
  limit?: number
}

type OwnedSession = Awaited<ReturnType<typeof listSessions>>[number]

const OF_ONE_USER: Layout<sessions.SessionRecord> = {
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

const OF_ALL_USERS: Layout<OwnedSession> = {
  headings: ['USER', ...OF_ONE_USER.headings],
  toCells: (session) => [session.username, ...OF_ONE_USER.toCells(session)],
  toItem: (session) => session,
}

export function addSessionList(session: Command): void {
  session
    .command('list')
    .description('Lists live sessions, newest first: of one user, or of all users.')
    .argument('[user]', USER_HELP, userArgument)
    .option('--limit <n>', 'how many sessions at most (default: all)', wholeNumber(1, MAX_COUNT))
    .option(...JSON_OPTION)
    .addHelpText('after', example('session list ada', 'session list --limit 20'))
    .action((wanted: UserArgument | undefined, options: ListOptions) =>
      withConnection(async (db, config) => {
        const limits = sessionLimits(config)
        if (wanted === undefined) {
          const find = (before: number | undefined, limit: number) =>
            listSessions(db, limits, { before, limit })
          const pages = pagesOf(find, ({ id }) => id, options.limit)
          return await printList(pages, OF_ALL_USERS, options)
        }
        const owner = await findUser(db, wanted)
        const find = (before: number | undefined, limit: number) =>
          sessions.list(db, owner.id, limits, { before, limit })
        const pages = pagesOf(find, ({ id }) => id, options.limit)
        await printList(pages, OF_ONE_USER, options)
      }),
    )
}
