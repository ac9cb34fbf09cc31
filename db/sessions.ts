import { createHash } from 'node:crypto'
import { and, eq, gt, ne, sql } from 'drizzle-orm'
import { type Database, type Queryable, transaction } from './client.ts'
import { sessions, users } from './schema.ts'

/** Who asks: the session's owner as the database knows them at this moment. */
export type Actor = NonNullable<Awaited<ReturnType<typeof findActor>>>

const isLive = gt(sessions.expiresAt, sql`CURRENT_TIMESTAMP(3)`)

/**
 * @param secretId the id that the cookie carries
 * @returns undefined where the session is unknown, ended or expired, or its owner disabled
 */
export async function findActor(db: Queryable, secretId: string) {
  const [actor] = await db
    .select({
      sessionId: sessions.id,
      id: users.id,
      username: users.username,
      role: users.role,
      createdAt: users.createdAt,
    })
    .from(sessions)
    .innerJoin(users, eq(users.id, sessions.userId))
    .where(and(eq(sessions.digest, digest(secretId)), isLive, eq(users.disabled, false)))
  return actor
}

export interface NewSession {
  userId: number
  /** The hash that the password was checked against. */
  passwordHash: string
  lifetimeMs: number
  address: string | undefined
  userAgent: string | undefined
}

/**
 * Opens a session, unless the account was deleted or disabled, or its password changed, since the
 * password was checked.
 *
 * @returns whether the session was opened
 */
export function openSession(db: Database, secretId: string, session: NewSession): Promise<boolean> {
  return transaction(db, async (tx) => {
    const [owner] = await tx
      .select({ passwordHash: users.passwordHash, disabled: users.disabled })
      .from(users)
      .where(eq(users.id, session.userId))
      .for('update')
    if (!owner || owner.disabled || owner.passwordHash !== session.passwordHash) return false
    await tx.insert(sessions).values({
      digest: digest(secretId),
      userId: session.userId,
      expiresAt: sql`CURRENT_TIMESTAMP(3) + INTERVAL ${session.lifetimeMs * 1_000} MICROSECOND`,
      address: session.address,
      userAgent: session.userAgent?.slice(0, 255),
    })
    return true
  })
}

/** Ends the session of this cookie, if there is one. */
export async function endSession(db: Queryable, secretId: string): Promise<void> {
  await db.delete(sessions).where(eq(sessions.digest, digest(secretId)))
}

export async function endOtherSessions(
  tx: Queryable,
  userId: number,
  keptSessionId: number,
): Promise<void> {
  await tx.delete(sessions).where(and(eq(sessions.userId, userId), ne(sessions.id, keptSessionId)))
}

/** Whether the session still stands, asked within a transaction before it acts on its authority. */
export async function isSessionLive(tx: Queryable, sessionId: number): Promise<boolean> {
  const found = await tx
    .select({ id: sessions.id })
    .from(sessions)
    .where(and(eq(sessions.id, sessionId), isLive))
  return found.length === 1
}

function digest(secretId: string): Buffer {
  return createHash('sha256').update(secretId).digest()
}
