import { eq, inArray, sql } from 'drizzle-orm'
import { raw, type SqlValue } from 'mysql2'
import { type Database, onlyRow, type Queryable } from '../../client.ts'
import { isDuplicateKey } from '../../errors.ts'
import { insertRows } from '../../insert-rows.ts'
import { importedUsers, users } from '../../schema.ts'
import { transaction } from '../../transaction.ts'
import { type NewEvent, type Origin, recordEvents } from '../events.ts'
import { type Decision, decide, type SourceAccount } from './decide.ts'
import { deleteImported } from './delete.ts'
import { existingOf, findExisting } from './find.ts'
import { merge } from './merge.ts'

/** Rows in one statement, which must fit into a packet of the database. */
const BATCH_ROWS = 1_000
/** A registration can take a name between the decision and the insert. */
const MAX_ATTEMPTS = 3

export interface StoreOptions {
  /** The source's name, for the event. */
  source: string
  /** Who imports, for the events. */
  origin: Origin
  /** The database's clock before the source was read. */
  readAt: string
  /** The ids of accounts to delete, because the source no longer has them. */
  gone: readonly number[]
  /** New accounts of Gatehouse get ids above this one. */
  reservedId: number
  /** Decides and counts, and writes nothing. */
  isDryRun: boolean
  /** Called with the number of accounts that are decided so far. */
  onProgress(accounts: number): void
}

export interface Stored<Account extends SourceAccount> {
  decisions: Map<Account, Decision>
  deleted: number
}

/**
 * Stores the accounts of a source in one transaction: all of them or, if it throws, none.
 *
 * Accounts that are there already are not locked, so that they can log in meanwhile.
 *
 * @throws what `transaction` throws
 */
export function store<Account extends SourceAccount>(
  db: Database,
  accounts: readonly Account[],
  options: StoreOptions,
): Promise<Stored<Account>> {
  return transaction(db, async (tx) => {
    const events: NewEvent[] = []
    const decisions = new Map<Account, Decision>()
    options.onProgress(0) // this may be another attempt
    // First, so that the name of a deleted account is free for a row of the source.
    for (const id of options.isDryRun ? [] : options.gone) {
      const event = await deleteImported(tx, id)
      if (event) events.push(event)
    }
    const deleted = options.isDryRun ? options.gone.length : events.length
    // Before anything else gets an id: the server may register accounts at the same time.
    if (!options.isDryRun) await raiseNextId(tx, options.reservedId)
    // First those with an id, so that no new id is one of theirs.
    await storeBatches(
      tx,
      accounts.filter(({ id }) => id !== undefined),
      decisions,
      options,
    )
    await storeBatches(
      tx,
      accounts.filter(({ id }) => id === undefined),
      decisions,
      options,
    )
    const created = [...decisions.values()].filter(({ kind }) => kind === 'create').length
    if (options.isDryRun) return { decisions, deleted }

    // Last, because the rows stay locked until the commit.
    for (const [account, decision] of decisions) {
      if (decision.kind !== 'merge') continue
      const merged = await merge(tx, account, decision.account.id, options.readAt)
      decisions.set(account, merged.decision)
      events.push(...merged.events)
    }
    if (created > 0) {
      events.push({ type: 'users_imported', detail: { count: created, source: options.source } })
    }
    if (events.length > 0) await recordEvents(tx, options.origin, events)
    return { decisions, deleted }
  })
}

async function storeBatches<Account extends SourceAccount>(
  tx: Queryable,
  accounts: readonly Account[],
  decisions: Map<Account, Decision>,
  options: StoreOptions,
): Promise<void> {
  for (let start = 0; start < accounts.length; start += BATCH_ROWS) {
    const batch = accounts.slice(start, start + BATCH_ROWS)
    for (const [account, decision] of await storeBatch(tx, batch, options)) {
      decisions.set(account, decision)
    }
    options.onProgress(decisions.size)
  }
}

async function storeBatch<Account extends SourceAccount>(
  tx: Queryable,
  batch: readonly Account[],
  { isDryRun, readAt, gone }: StoreOptions,
): Promise<Map<Account, Decision>> {
  for (let attempt = 1; ; attempt++) {
    const existing = await findExisting(tx, batch, isDryRun ? gone : [])
    const decided = new Map(
      batch.map((source) => [source, decide(source, existingOf(existing, source))]),
    )
    if (isDryRun) return decided
    const decidedAs = (kind: Decision['kind']) =>
      batch.filter((source) => decided.get(source)?.kind === kind)
    try {
      await create(tx, decidedAs('create'), readAt)
    } catch (error) {
      if (!isDuplicateKey(error) || attempt === MAX_ATTEMPTS) throw error
      continue
    }
    await recordImported(
      tx,
      decidedAs('adopt').map((source) => ({ ...source, userId: source.id ?? 0 })),
      readAt,
    )
    const present = decidedAs('present').flatMap(
      (source) => existing.get(source)?.imported?.userId ?? [],
    )
    if (present.length > 0) {
      await tx
        .update(importedUsers)
        .set({ importedAt: readAt })
        .where(inArray(importedUsers.userId, present))
    }
    return decided
  }
}

async function create(tx: Queryable, sources: SourceAccount[], readAt: string): Promise<void> {
  if (sources.length === 0) return
  const rows = sources.map(({ id, username, key, passwordHash, role }): SqlValue[] => [
    id ?? raw('DEFAULT'),
    username,
    Buffer.from(key),
    passwordHash,
    role,
  ])
  await insertRows(tx, 'users (id, username, username_key, password_hash, role)', rows)
  // Read the ids: those of one statement need not be consecutive.
  const made = await tx
    .select({ id: users.id, key: users.usernameKey })
    .from(users, { forceIndex: 'users_username_key' })
    .where(
      inArray(
        users.usernameKey,
        sources.map(({ key }) => key),
      ),
    )
  const ids = new Map(made.map(({ id, key }) => [key, id]))
  await recordImported(
    tx,
    sources.map((source) => ({ ...source, userId: ids.get(source.key) ?? 0 })),
    readAt,
  )
}

/** Stores how the accounts were in the source. */
async function recordImported(
  tx: Queryable,
  accounts: (SourceAccount & { userId: number })[],
  readAt: string,
): Promise<void> {
  const rows = accounts.map(({ userId, id, key, passwordHash, role }): SqlValue[] => [
    userId,
    Buffer.from(key),
    id !== undefined,
    passwordHash,
    role,
    importedUsers.importedAt.mapToDriverValue(readAt) as string, // which Drizzle types as unknown
  ])
  // A row of an import without ids may be there.
  const ids = accounts.map(({ userId }) => userId)
  if (ids.length > 0) await tx.delete(importedUsers).where(inArray(importedUsers.userId, ids))
  await insertRows(
    tx,
    'imported_users (user_id, username_key, keeps_id, password_hash, role, imported_at)',
    rows,
  )
}

/**
 * Makes the database give higher ids to new accounts. Both servers continue after the highest id
 * that was ever inserted, also if it was deleted.
 */
async function raiseNextId(tx: Queryable, reservedId: number): Promise<void> {
  const highest = sql`COALESCE(MAX(${users.id}), 0)`.mapWith(Number)
  if (reservedId <= onlyRow(await tx.select({ highest }).from(users)).highest) return
  const username = `\0${reservedId}` // no account has a control character in its name
  await tx
    .insert(users)
    .values({ id: reservedId, username, usernameKey: username, passwordHash: '' })
  await tx.delete(users).where(eq(users.id, reservedId))
}
