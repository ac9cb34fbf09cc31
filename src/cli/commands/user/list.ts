import { type Command, Option } from 'commander'
import { listUsers } from '../../../../db/queries/user-list.ts'
import type { ManagedUserRecord } from '../../../../db/queries/users.ts'
import { type AccountKind, KINDS, ROLES, type Role } from '../../../../db/schema.ts'
import { toManagedUser } from '../../../../routes/users/schemas.ts'
import { example, JSON_OPTION, MAX_COUNT, type OutputOptions, wholeNumber } from '../../options.ts'
import { type Layout, pagesOf, printList } from '../../output/list.ts'
import { shortTime } from '../../output/table.ts'
import { withConnection } from '../../with-database.ts'

interface ListOptions extends OutputOptions {
  prefix?: string
  role?: Role
  kind?: AccountKind
  disabled?: boolean
  limit?: number
}

const LAYOUT: Layout<ManagedUserRecord> = {
  headings: ['ID', 'USERNAME', 'KIND', 'ROLE', 'STATE', 'CREATED'],
  toCells: ({ id, username, kind, role, disabled, createdAt }) => [
    id,
    username,
    kind,
    role,
    disabled ? 'disabled' : 'enabled',
    shortTime(createdAt),
  ],
  toItem: toManagedUser,
}

export function addUserList(user: Command): void {
  user
    .command('list')
    .description('Lists users, ordered by username.')
    .option('--prefix <text>', 'only usernames that begin with it, case-insensitive')
    .addOption(new Option('--role <role>', 'only users of this role').choices(ROLES))
    .addOption(new Option('--kind <kind>', 'only users of this kind').choices(KINDS))
    .option('--disabled', 'only disabled users')
    .option('--no-disabled', 'only enabled users')
    .option('--limit <n>', 'how many users at most (default: all)', wholeNumber(1, MAX_COUNT))
    .option(...JSON_OPTION)
    .addHelpText('after', example('user list --role admin --no-disabled'))
    .action((options: ListOptions) =>
      withConnection(async (db) => {
        const { prefix, role, kind, disabled } = options
        const find = (after: string | undefined, limit: number) =>
          listUsers(db, { after, prefix, role, kind, disabled, limit })
        const pages = pagesOf(find, ({ username }) => username, options.limit)
        await printList(pages, LAYOUT, options)
      }),
    )
}
