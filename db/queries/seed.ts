import { eq, inArray, like, sql } from 'drizzle-orm'
import { raw } from 'mysql2'
import type { Database, Queryable } from '../client.ts'
import { insertRows } from '../insert-rows.ts'
import { seededUsers, sessions, tokens, users } from '../schema.ts'
import { transaction } from '../transaction.ts'

/** Accounts deleted in one transaction: few, so that a running server waits briefly for its locks. */
const USERS_PER_TRANSACTION = 1_000
/** Sessions or tokens deleted in one statement, for the same reason. */
const DELETED_ROWS = 5_000

export interface SeededCredential {
  userId: number
  /** SHA-256 of the secret, made by `digest`. */
  digest: Buffer
}

/**
 * Creates accounts with the role `user`, and marks them in the same transaction, so that a killed
 * process leaves no account unmarked.
 *
 * @param usernames in lower case, at most a few thousand, because they go into one statement
 * @returns the accounts in the order of the names
 * @throws the database's error if a name is taken
 */
export function seedUsers(
  db: Database,
  usernames: string[],
  passwordHash: string,
): Promise<{ id: number; username: string }[]> {
  return transaction(db, async (tx) => {
    const rows = usernames.map((username) => [username, username, passwordHash])
    await insertRows(tx, 'users (username, username_key, password_hash)', rows)
    // Read the ids: those of one statement need not be consecutive.
    const made = await tx
      .select({ id: users.id, username: users.username })
      .from(users, { forceIndex: 'users_username_key' }) // the statistics may describe an empty table
      .where(inArray(users.usernameKey, usernames))
    const ids = new Map(made.map(({ id, username }) => [username, id]))
    const marks = made.map(({ id }) => [id])
    await insertRows(tx, 'seeded_users (user_id)', marks)
    return usernames.map((username) => ({ id: ids.get(username) ?? missing(username), username }))
  })
}

/** Opens sessions that expire after `lifetimeMs`, or earlier if they are not used. */
export async function seedSessions(
  db: Database,
  sessions: SeededCredential[],
  { lifetimeMs, userAgent }: { lifetimeMs: number; userAgent: string },
): Promise<void> {
  const expiresAt = ahead(lifetimeMs)
  const rows = sessions.map(({ digest, userId }) => [digest, userId, expiresAt, userAgent])
  const columns = 'sessions (digest, user_id, expires_at, user_agent)'
  await transaction(db, (tx) => insertRows(tx, columns, rows))
}

/** Creates tokens that expire after `lifetimeMs`. */
export async function seedTokens(
  db: Database,
  tokens: SeededCredential[],
  { lifetimeMs, name }: { lifetimeMs: number; name: string },
): Promise<void> {
  const expiresAt = ahead(lifetimeMs)
  const rows = tokens.map(({ digest, userId }) => [digest, userId, name, expiresAt])
  const columns = 'tokens (digest, user_id, name, expires_at)'
  await transaction(db, (tx) => insertRows(tx, columns, rows))
}

/**
 * Finds an account, seeded or not, by the beginning of its name.
 *
 * @param prefix in lower case, without `%` and `_`
 * @returns an account that is not seeded if there is one, otherwise a seeded one
 */
export async function findByPrefix(
  db: Queryable,
  prefix: string,
): Promise<{ username: string; isSeeded: boolean } | undefined> {
  const [found] = await db
    .select({ username: users.username, mark: seededUsers.userId })
    .from(users)
    .leftJoin(seededUsers, eq(seededUsers.userId, users.id))
    .where(like(users.usernameKey, `${prefix}%`))
    .orderBy(seededUsers.userId) // null sorts first
    .limit(1)
  return found && { username: found.username, isSeeded: found.mark !== null }
}

/**
 * Updates the statistics of the tables that were filled, for queries that do not name their indexes.
 * InnoDB counts in the background, and a private server can stop before it does.
 *
 * Needs the privileges SELECT and INSERT. A failure is ignored: the statements of the server name
 * their indexes, so old statistics make none of them slow.
 */
export async function analyzeTables(db: Queryable): Promise<void> {
  const tables = sql`${users}, ${seededUsers}, ${sessions}, ${tokens}`
  // The database reports most failures as rows, and only some as errors.
  await db.execute(sql`ANALYZE TABLE ${tables}`).catch(() => undefined)
}

export function countSeeded(db: Queryable): Promise<number> {
  return db.$count(seededUsers)
}

/**
 * Deletes some of the seeded accounts, with their sessions and tokens. The statistics are not updated
 * after it.
 *
 * @returns the number of deleted accounts: 0 when none is left
 */
export async function clearSeeded(db: Database): Promise<number> {
  const marked = await db
    .select({ id: seededUsers.userId })
    .from(seededUsers)
    .orderBy(seededUsers.userId)
    .limit(USERS_PER_TRANSACTION)
  const ids = marked.map(({ id }) => id)
  if (ids.length === 0) return 0
  for (const table of [sessions, tokens]) {
    for (let deleted = DELETED_ROWS; deleted === DELETED_ROWS; ) {
      const batch = db.delete(table).where(inArray(table.userId, ids)).limit(DELETED_ROWS)
      deleted = (await batch)[0].affectedRows
    }
  }
  return transaction(db, async (tx) => {
    // The lock keeps a login from adding a session to an account that is then deleted.
    await tx.select({ id: users.id }).from(users).where(inArray(users.id, ids)).for('update')
    await tx.delete(sessions).where(inArray(sessions.userId, ids))
    await tx.delete(tokens).where(inArray(tokens.userId, ids))
    await tx.delete(users).where(inArray(users.id, ids))
    return ids.length
  })
}

function ahead(ms: number) {
  return raw(`CURRENT_TIMESTAMP(3) + INTERVAL ${ms * 1_000} MICROSECOND`)
}

function missing(username: string): never {
  throw new Error(`the account ${username} is missing after its insert`)
}
