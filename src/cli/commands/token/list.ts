import type { Command } from 'commander'
import * as tokens from '../../../../db/queries/tokens.ts'
import { example, JSON_OPTION, type OutputOptions } from '../../options.ts'
import { type Layout, pagesOf, printList } from '../../output/list.ts'
import { shortTime } from '../../output/table.ts'
import { findUser, USER_HELP, type UserArgument, userArgument } from '../../user-argument.ts'
import { withConnection } from '../../with-database.ts'

const LAYOUT: Layout<tokens.TokenRecord> = {
  headings: ['ID', 'NAME', 'SCOPES', 'CREATED', 'EXPIRES', 'LAST USED'],
  toCells: ({ id, name, scopes, createdAt, expiresAt, lastUsedAt }) => [
    id,
    name,
    scopes?.join(' ') ?? null,
    shortTime(createdAt),
    shortTime(expiresAt),
    shortTime(lastUsedAt),
  ],
  toItem: (token) => token,
}

export function addTokenList(token: Command): void {
  token
    .command('list')
    .description('Lists the tokens of a user that have not expired, newest first.')
    .argument('<user>', USER_HELP, userArgument)
    .option(...JSON_OPTION)
    .addHelpText('after', example('token list ada'))
    .action((wanted: UserArgument, options: OutputOptions) =>
      withConnection(async (db) => {
        const { id } = await findUser(db, wanted)
        const find = (before: number | undefined, limit: number) =>
          tokens.list(db, id, { before, limit })
        await printList(
          pagesOf(find, (row) => row.id),
          LAYOUT,
          options,
        )
      }),
    )
}
