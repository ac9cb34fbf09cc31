import { and, asc, eq, gt, inArray } from 'drizzle-orm'
import type { Queryable } from '../../client.ts'
import { importedUsers, users } from '../../schema.ts'
import type { Existing, ExistingUser, ImportedUser, SourceAccount } from './decide.ts'

type Identity = Pick<SourceAccount, 'id' | 'key'>

/** What identifies an imported account that still exists or was deleted. */
export type ImportedIdentity = Pick<ImportedUser, 'userId' | 'keepsId' | 'usernameKey'>

const PAGE_ROWS = 5_000

const existing = {
  id: users.id,
  usernameKey: users.usernameKey,
  role: users.role,
  passwordChangedAt: users.passwordChangedAt,
}

/**
 * @param sources at most a few thousand, because their names go into one statement
 * @returns a function that returns what the database has for one of them
 */
export async function findExisting(
  tx: Queryable,
  sources: readonly Identity[],
): Promise<(source: Identity) => Existing> {
  const imported = await findImported(tx, sources)
  const ids = sources.flatMap((source) => imported(source)?.userId ?? source.id ?? [])
  const byId = new Map((await findByIds(tx, ids)).map((user) => [user.id, user]))
  const keys = sources.map(({ key }) => key)
  const namesakes =
    keys.length === 0
      ? []
      : await tx
          .select(existing)
          .from(users, { forceIndex: 'users_username_key' })
          .where(inArray(users.usernameKey, keys))
  const byKey = new Map(namesakes.map((user) => [user.usernameKey, user]))
  return (source) => {
    const mark = imported(source)
    const id = mark?.userId ?? source.id
    return {
      imported: mark,
      account: id === undefined ? undefined : byId.get(id),
      namesake: byKey.get(source.key),
    }
  }
}

/** @returns a function that returns one of them as it was at the latest import */
export async function findImported(
  tx: Queryable,
  sources: readonly Identity[],
): Promise<(source: Identity) => ImportedUser | undefined> {
  const ids = sources.flatMap(({ id }) => id ?? [])
  const keys = sources.flatMap(({ id, key }) => (id === undefined ? key : []))
  const marks = [
    ...(ids.length === 0
      ? []
      : await tx
          .select()
          .from(importedUsers, { forceIndex: 'PRIMARY' })
          .where(and(inArray(importedUsers.userId, ids), eq(importedUsers.keepsId, true)))),
    ...(keys.length === 0
      ? []
      : await tx
          .select()
          .from(importedUsers, { forceIndex: 'imported_users_username_key' })
          .where(and(inArray(importedUsers.usernameKey, keys), eq(importedUsers.keepsId, false)))),
  ]
  const byId = new Map(marks.map((mark) => [mark.userId, mark]))
  const byKey = new Map(marks.map((mark) => [mark.usernameKey, mark]))
  return ({ id, key }) => (id === undefined ? byKey.get(key) : byId.get(id))
}

async function findByIds(tx: Queryable, ids: readonly number[]): Promise<ExistingUser[]> {
  if (ids.length === 0) return []
  return tx
    .select(existing)
    .from(users, { forceIndex: 'PRIMARY' })
    .where(inArray(users.id, [...ids]))
}

/** Yields all accounts that were imported, those that were deleted since included. */
export async function* allImported(tx: Queryable): AsyncGenerator<ImportedIdentity> {
  for (let last = 0; ; ) {
    const page = await tx
      .select({
        userId: importedUsers.userId,
        keepsId: importedUsers.keepsId,
        usernameKey: importedUsers.usernameKey,
      })
      .from(importedUsers, { forceIndex: 'PRIMARY' })
      .where(gt(importedUsers.userId, last))
      .orderBy(asc(importedUsers.userId))
      .limit(PAGE_ROWS)
    yield* page
    const end = page.at(-1)
    if (!end) return
    last = end.userId
  }
}

/**
 * Forgets what was imported, after the move. The accounts stay.
 *
 * @returns the number of forgotten accounts
 */
export async function forgetImported(db: Queryable): Promise<number> {
  const [{ affectedRows }] = await db.delete(importedUsers)
  return affectedRows
}
