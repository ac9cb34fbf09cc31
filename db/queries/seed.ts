import { eq, inArray, like, sql } from 'drizzle-orm'
import { format, raw, type SqlValue } from 'mysql2'
import { type Database, type Queryable, transaction } from '../client.ts'
import { seededUsers, users } from '../schema.ts'

/** Deleted in one transaction, with all that they own: what a server waits for is over soon. */
const USERS_AT_ONCE = 1_000

export interface SeededCredential {
  userId: number
  /** SHA-256 of the secret, as `digest` makes it. */
  digest: Buffer
}

/**
 * Makes accounts of the role `user`, and marks them in the same transaction, so that whatever
 * becomes of the process, none is left unmarked.
 *
 * @param usernames in lower case, at most a few thousand: they go in one statement
 * @returns them, in the order of the names
 * @throws the database's error if one of the names is taken
 */
export function seedUsers(
  db: Database,
  usernames: string[],
  passwordHash: string,
): Promise<{ id: number; username: string }[]> {
  return transaction(db, async (tx) => {
    const rows = usernames.map((username) => [username, username, passwordHash])
    await insert(tx, 'users (username, username_key, password_hash)', rows)
    // Read back: a statement's ids are consecutive neither on a cluster nor beside other inserts.
    const made = await tx
      .select({ id: users.id, username: users.username })
      .from(users)
      .where(inArray(users.usernameKey, usernames))
    const ids = new Map(made.map(({ id, username }) => [username, id]))
    const marks = made.map(({ id }) => [id])
    await insert(tx, 'seeded_users (user_id)', marks)
    return usernames.map((username) => ({ id: ids.get(username) ?? missing(username), username }))
  })
}

/** Opens sessions that end after `lifetimeMs`, or before if they aren't used. */
export async function seedSessions(
  db: Database,
  sessions: SeededCredential[],
  { lifetimeMs, userAgent }: { lifetimeMs: number; userAgent: string },
): Promise<void> {
  const expiresAt = ahead(lifetimeMs)
  const rows = sessions.map(({ digest, userId }) => [digest, userId, expiresAt, userAgent])
  const columns = 'sessions (digest, user_id, expires_at, user_agent)'
  await transaction(db, (tx) => insert(tx, columns, rows))
}

/** Makes tokens that end after `lifetimeMs`. */
export async function seedTokens(
  db: Database,
  tokens: SeededCredential[],
  { lifetimeMs, name }: { lifetimeMs: number; name: string },
): Promise<void> {
  const expiresAt = ahead(lifetimeMs)
  const rows = tokens.map(({ digest, userId }) => [digest, userId, name, expiresAt])
  const columns = 'tokens (digest, user_id, name, expires_at)'
  await transaction(db, (tx) => insert(tx, columns, rows))
}

/**
 * Looks for accounts whose names begin so, seeded or not.
 *
 * @param prefix in lower case, without `%` and `_`
 * @returns one of them, an unmarked one first, or undefined
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
    .orderBy(seededUsers.userId) // null comes first
    .limit(1)
  return found && { username: found.username, isSeeded: found.mark !== null }
}

export function countSeeded(db: Queryable): Promise<number> {
  return db.$count(seededUsers)
}

/**
 * Deletes some of the marked accounts, with their sessions, tokens and marks.
 *
 * @returns how many went; 0 once none is left
 */
export function clearSeeded(db: Database): Promise<number> {
  return transaction(db, async (tx) => {
    const marked = await tx
      .select({ id: seededUsers.userId })
      .from(seededUsers)
      .orderBy(seededUsers.userId)
      .limit(USERS_AT_ONCE)
    const ids = marked.map(({ id }) => id)
    if (ids.length > 0) await tx.delete(users).where(inArray(users.id, ids))
    return ids.length
  })
}

/** By text: building a thousand rows with Drizzle takes longer than the server does to insert them. */
async function insert(db: Queryable, columns: string, rows: SqlValue[][]): Promise<void> {
  if (rows.length === 0) return
  await db.execute(sql.raw(format(`INSERT INTO ${columns} VALUES ?`, [rows])))
}

function ahead(ms: number) {
  return raw(`CURRENT_TIMESTAMP(3) + INTERVAL ${ms * 1_000} MICROSECOND`)
}

function missing(username: string): never {
  throw new Error(`${username} was made and is not there`)
}
