import { and, desc, eq, gt, inArray, lt, lte, ne } from 'drizzle-orm'
import { type Database, type Queryable, transaction } from '../client.ts'
import { ago, ahead, now } from '../clock.ts'
import { digest } from '../digest.ts'
import { sessions, users } from '../schema.ts'
import { authorize, type Change, type Refusal, USE_PRECISION_MS } from './authority.ts'
import { IDS_TOLD, type Origin, recordEvent } from './events.ts'

export type SessionRecord = Awaited<ReturnType<typeof listSessions>>[number]

/** Both in ms: since the last request, and since the login. */
export interface SessionLimits {
  idleMs: number
  lifetimeMs: number
}

/** Whether the last use is to be written. */
export const isDue = lte(sessions.lastSeenAt, ago(USE_PRECISION_MS))

export function isLive({ idleMs }: SessionLimits) {
  return and(gt(sessions.expiresAt, now), gt(sessions.lastSeenAt, ago(idleMs)))
}

export interface NewSession {
  userId: number
  /** The hash that the password was checked against. */
  passwordHash: string
  userAgent: string | undefined
  origin: Origin
  /** The secret id of the session that the login came with, which ends with it. */
  replaces?: string | undefined
}

/**
 * Opens a session, unless the account was deleted or disabled, or its password changed, since the
 * password was checked.
 *
 * @returns whether the session was opened
 */
export function openSession(
  db: Database,
  secretId: string,
  { userId, passwordHash, userAgent, origin, replaces }: NewSession,
  { lifetimeMs }: SessionLimits,
): Promise<boolean> {
  return transaction(db, async (tx) => {
    const old = replaces === undefined ? undefined : await findOwner(tx, replaces)
    const owners = await tx
      .select({ id: users.id, passwordHash: users.passwordHash, disabled: users.disabled })
      .from(users)
      .where(inArray(users.id, old ? [userId, old.userId] : [userId]))
      .orderBy(users.id) // the order in which all lock accounts
      .for('update')
    const owner = owners.find(({ id }) => id === userId)
    if (!owner || owner.disabled || owner.passwordHash !== passwordHash) return false
    await tx.insert(sessions).values({
      digest: digest(secretId),
      userId,
      expiresAt: ahead(lifetimeMs),
      address: origin.address,
      userAgent: userAgent?.slice(0, 255),
    })
    if (old && (await dropOne(tx, old.userId, old.id)) > 0) {
      const detail = { sessionId: old.id, replaced: true }
      const who = { actorId: old.userId, userId: old.userId } // the cookie spoke for them
      await recordEvent(tx, origin, { type: 'session_ended', ...who, detail })
    }
    await recordEvent(tx, origin, { type: 'login', actorId: userId, userId })
    return true
  })
}

async function findOwner(tx: Queryable, secretId: string) {
  const [found] = await tx
    .select({ id: sessions.id, userId: sessions.userId })
    .from(sessions)
    .where(eq(sessions.digest, digest(secretId)))
  return found
}

/**
 * Ends a session of the account.
 *
 * @returns `not-found` also where the session is another account's
 */
export function endSession(
  db: Database,
  change: Change,
  sessionId: number,
  type: 'logout' | 'session_ended' = 'session_ended',
): Promise<'done' | Refusal> {
  const { actor, origin, userId } = change
  return transaction(db, async (tx) => {
    const { refusal } = await authorize(tx, change, 'own-or-admin')
    if (refusal) return refusal
    if ((await dropOne(tx, userId, sessionId)) === 0) return 'not-found'
    await recordEvent(tx, origin, { type, actorId: actor.id, userId, detail: { sessionId } })
    return 'done'
  })
}

/** Ends all sessions of an account, or all but one. */
export function endSessions(
  db: Database,
  change: Change,
  keptSessionId?: number,
): Promise<'done' | Refusal> {
  const { actor, origin, userId } = change
  return transaction(db, async (tx) => {
    const { refusal } = await authorize(tx, change, 'own-or-admin')
    if (refusal) return refusal
    const ended = await dropSessions(tx, userId, keptSessionId)
    if (ended.length > 0) {
      const detail = { sessionsEnded: ended.length, sessionIds: ended.slice(0, IDS_TOLD) }
      await recordEvent(tx, origin, { type: 'session_ended', actorId: actor.id, userId, detail })
    }
    return 'done'
  })
}

async function dropOne(tx: Queryable, userId: number, sessionId: number): Promise<number> {
  const [{ affectedRows }] = await tx
    .delete(sessions)
    .where(and(eq(sessions.id, sessionId), eq(sessions.userId, userId)))
  return affectedRows
}

/**
 * Ends all sessions of a user, or all but one, as part of something else. The user's row must be
 * locked, so that none is opened meanwhile.
 *
 * @returns their ids
 */
export async function dropSessions(
  tx: Queryable,
  userId: number,
  keptSessionId?: number,
): Promise<number[]> {
  const doomed = and(
    eq(sessions.userId, userId),
    keptSessionId === undefined ? undefined : ne(sessions.id, keptSessionId),
  )
  const rows = await tx.select({ id: sessions.id }).from(sessions).where(doomed)
  if (rows.length > 0) await tx.delete(sessions).where(doomed)
  return rows.map(({ id }) => id)
}

/** @returns at most `limit` live sessions of the user, newest first, with ids below `beforeId` */
export function listSessions(
  db: Queryable,
  userId: number,
  limits: SessionLimits,
  { before: beforeId, limit }: { before?: number | undefined; limit: number },
) {
  return db
    .select({
      id: sessions.id,
      createdAt: sessions.createdAt,
      lastSeenAt: sessions.lastSeenAt,
      expiresAt: sessions.expiresAt,
      address: sessions.address,
      userAgent: sessions.userAgent,
    })
    .from(sessions)
    .where(
      and(
        eq(sessions.userId, userId),
        isLive(limits),
        beforeId === undefined ? undefined : lt(sessions.id, beforeId),
      ),
    )
    .orderBy(desc(sessions.id))
    .limit(limit)
}

/** Notes that these sessions were used just now. One that has ended stays ended. */
export async function touchSessions(db: Queryable, ids: number[]): Promise<void> {
  await db
    .update(sessions)
    .set({ lastSeenAt: now })
    .where(and(inArray(sessions.id, ids), isDue)) // another process may have been first
}
