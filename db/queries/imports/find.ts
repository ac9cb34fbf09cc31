import { and, asc, eq, gt, inArray } from 'drizzle-orm'
import type { Queryable } from '../../client.ts'
import { importedUsers, users } from '../../schema.ts'
import type { Existing, ExistingUser, ImportedUser, SourceAccount } from './decide.ts'

type Identity = Pick<SourceAccount, 'id' | 'key'>

/** What identifies an imported account. */
export type ImportedIdentity = Pick<ImportedUser, 'userId' | 'keepsId' | 'usernameKey'>

const PAGE_ROWS = 5_000

const existing = {
  id: users.id,
  usernameKey: users.usernameKey,
  kind: users.kind,
  role: users.role,
  passwordChangedAt: users.passwordChangedAt,
}

/**
 * @param sources at most a few thousand, because their names go into one statement
 * @param gone ids of accounts that count as deleted
 * @returns what the database has for each of them
 */
export async function findExisting<Source extends Identity>(
  tx: Queryable,
  sources: readonly Source[],
  gone: readonly number[] = [],
): Promise<Map<Source, Existing>> {
  const isGone = new Set(gone)
  const imported = await findImported(tx, sources)
  const idOf = (source: Source) => imported.get(source)?.userId ?? source.id
  const accounts = await findByIds(
    tx,
    sources.flatMap((source) => idOf(source) ?? []),
  )
  const namesakes = await findByKeys(
    tx,
    sources.map(({ key }) => key),
  )
  const isHere = ({ id }: ExistingUser) => !isGone.has(id)
  const byId = new Map(accounts.filter(isHere).map((user) => [user.id, user]))
  const byKey = new Map(namesakes.filter(isHere).map((user) => [user.usernameKey, user]))
  const existingOf = (source: Source): Existing => ({
    imported: imported.get(source),
    account: byId.get(idOf(source) ?? 0),
    namesake: byKey.get(source.key),
  })
  return new Map(sources.map((source) => [source, existingOf(source)]))
}

/** @throws Error if the account is not one that was looked for */
export function existingOf<Source>(found: Map<Source, Existing>, source: Source): Existing {
  const existing = found.get(source)
  if (!existing) throw new Error('the account was not looked for')
  return existing
}

/** @returns those of them that were imported, as they were at the latest import */
export async function findImported<Source extends Identity>(
  tx: Queryable,
  sources: readonly Source[],
): Promise<Map<Source, ImportedUser>> {
  const ids = sources.flatMap(({ id }) => id ?? [])
  const keys = sources.flatMap(({ id, key }) => (id === undefined ? key : []))
  const rowsById =
    ids.length === 0
      ? []
      : await tx
          .select()
          .from(importedUsers, { forceIndex: 'PRIMARY' })
          .where(and(inArray(importedUsers.userId, ids), eq(importedUsers.keepsId, true)))
  const rowsByKey =
    keys.length === 0
      ? []
      : await tx
          .select()
          .from(importedUsers, { forceIndex: 'imported_users_username_key' })
          .where(and(inArray(importedUsers.usernameKey, keys), eq(importedUsers.keepsId, false)))
  const byId = new Map(rowsById.map((row) => [row.userId, row]))
  const byKey = new Map(rowsByKey.map((row) => [row.usernameKey, row]))
  const found = new Map<Source, ImportedUser>()
  for (const source of sources) {
    const row = source.id === undefined ? byKey.get(source.key) : byId.get(source.id)
    if (row) found.set(source, row)
  }
  return found
}

async function findByIds(tx: Queryable, ids: readonly number[]): Promise<ExistingUser[]> {
  if (ids.length === 0) return []
  return tx
    .select(existing)
    .from(users, { forceIndex: 'PRIMARY' })
    .where(inArray(users.id, [...ids]))
}

async function findByKeys(tx: Queryable, keys: readonly string[]): Promise<ExistingUser[]> {
  if (keys.length === 0) return []
  return tx
    .select(existing)
    .from(users, { forceIndex: 'users_username_key' })
    .where(inArray(users.usernameKey, [...keys]))
}

/** Yields all accounts that were imported and still exist. */
export async function* allImported(tx: Queryable): AsyncGenerator<ImportedIdentity> {
  for (let last = 0; ; ) {
    const page = await tx
      .select({
        userId: importedUsers.userId,
        keepsId: importedUsers.keepsId,
        usernameKey: importedUsers.usernameKey,
      })
      .from(importedUsers, { forceIndex: 'PRIMARY' })
      .innerJoin(users, eq(users.id, importedUsers.userId))
      .where(gt(importedUsers.userId, last))
      .orderBy(asc(importedUsers.userId))
      .limit(PAGE_ROWS)
    yield* page
    const end = page.at(-1)
    if (!end) return
    last = end.userId
  }
}
