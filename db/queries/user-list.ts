import { and, eq, gt, gte, lt } from 'drizzle-orm'
import type { Queryable } from '../client.ts'
import { type AccountKind, type Role, users } from '../schema.ts'
import { usernameKey } from '../usernames.ts'
import { type ManagedUserRecord, managedProfile } from './users.ts'

export interface UserFilter {
  /** Return only accounts after the one of this name. */
  after?: string | undefined
  prefix?: string | undefined
  role?: Role | undefined
  disabled?: boolean | undefined
  kind?: AccountKind | undefined
  limit: number
}

/**
 * Lists accounts by an index that has their order. By the statistics of a small table, the servers
 * would sort the whole table instead.
 *
 * @returns accounts in the order of their names, case-insensitive
 */
export function listUsers(
  db: Queryable,
  { after, prefix, role, disabled, kind, limit }: UserFilter,
): Promise<ManagedUserRecord[]> {
  const first = prefix === undefined ? undefined : usernameKey(prefix)
  return db
    .select(managedProfile)
    .from(users, { forceIndex: listIndex({ role, disabled, kind }) })
    .where(
      and(
        after === undefined ? undefined : gt(users.usernameKey, usernameKey(after)),
        // A range, because LIKE has wildcards. No name has the last code point.
        first === undefined ? undefined : gte(users.usernameKey, first),
        first === undefined ? undefined : lt(users.usernameKey, `${first}\u{10ffff}`),
        role === undefined ? undefined : eq(users.role, role),
        disabled === undefined ? undefined : eq(users.disabled, disabled),
        kind === undefined ? undefined : eq(users.kind, kind),
      ),
    )
    .orderBy(users.usernameKey)
    .limit(limit)
}

/** @returns the index that finds the fewest rows in most installations: few accounts are services, admins or disabled */
function listIndex({ role, disabled, kind }: Pick<UserFilter, 'role' | 'disabled' | 'kind'>) {
  if (kind === 'service') return 'users_kind'
  if (role === 'admin' || (role && !disabled)) return 'users_role'
  return disabled === undefined ? 'users_username_key' : 'users_disabled'
}
