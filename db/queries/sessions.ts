import { and, desc, eq, inArray, lt, lte, sql } from 'drizzle-orm'
import type { Database, Queryable } from '../client.ts'
import { ago, now } from '../clock.ts'
import { digest } from '../digest.ts'
import { sessions, users } from '../schema.ts'
import { transaction } from '../transaction.ts'
import * as access from './access.ts'
import {
  authorize,
  type Change,
  hasSamePassword,
  type Refused,
  refused,
  USE_PRECISION_MS,
} from './authority.ts'
import { type Origin, recordEvent } from './events.ts'
import { addSession, isLive, recordRoomMade, type SessionLimits } from './live-sessions.ts'
import { revoke, type VerifiedFlaskCookie } from './used-cookies.ts'

export type SessionRecord = Awaited<ReturnType<typeof list>>[number]

/** What the owner, an admin and an operator see of a session. */
export const sessionColumns = {
  id: sessions.id,
  createdAt: sessions.createdAt,
  lastSeenAt: sessions.lastSeenAt,
  expiresAt: sessions.expiresAt,
  address: sessions.address,
  userAgent: sessions.userAgent,
}

/** A condition: the last use must be written. */
export const isDue = lte(sessions.lastSeenAt, ago(USE_PRECISION_MS))

export interface NewSession {
  userId: number
  /** The hash against which the password was checked, or the one that was renewed since. */
  passwordHash: string
  /** The account's version when the password was checked. */
  version: number
  userAgent: string | undefined
  origin: Origin
  /** The secret id of the session that the login request carried. The login ends it. */
  replaces?: string | undefined
  /** The Flask cookie that the login request carried. The login revokes it. */
  flaskCookie?: VerifiedFlaskCookie | undefined
}

/**
 * Opens a session, and ends the account's oldest ones if it has more than it may have. The login is refused
 * if the account was deleted or disabled, or its password changed, since the password was checked.
 *
 * @throws an error of the database
 */
export function open(
  db: Database,
  secretId: string,
  limits: SessionLimits,
  { userId, passwordHash, version, userAgent, origin, replaces, flaskCookie }: NewSession,
): Promise<{ ok: true } | Refused<'account-changed'>> {
  return transaction(db, async (tx) => {
    const old = replaces === undefined ? undefined : await findOwner(tx, replaces)
    const owners = await tx
      .select(ownerColumns)
      .from(users)
      .where(inArray(users.id, old ? [userId, old.userId] : [userId]))
      .orderBy(users.id) // every transaction locks accounts in this order
      .for('update')
    const owner = owners.find(({ id }) => id === userId)
    if (!owner || owner.disabled || !hasSamePassword(owner, { passwordHash, version })) {
      return refused('account-changed')
    }
    const oldOwner = owners.find(({ id }) => id === old?.userId)
    const isReplaced = old && oldOwner && (await removeOne(tx, oldOwner, old.id)) > 0
    if (flaskCookie) await revoke(tx, flaskCookie)
    const added = { digest: digest(secretId), userAgent, origin }
    const ended = await addSession(tx, owner, limits, added)
    await recordRoomMade(tx, owner, origin, ended)
    if (isReplaced) {
      const detail = { sessionId: old.id, replaced: true }
      const who = { actorId: old.userId, userId: old.userId } // the cookie authenticated this account
      await recordEvent(tx, origin, { type: 'session_ended', ...who, detail })
    }
    await recordEvent(tx, origin, { type: 'login', actorId: userId, userId })
    return { ok: true }
  })
}

const ownerColumns = {
  id: users.id,
  passwordHash: users.passwordHash,
  version: users.version,
  disabled: users.disabled,
  sessionEpoch: users.sessionEpoch,
  tokenEpoch: users.tokenEpoch,
}

/** @returns the id of the account that has the session, even if it has ended and its row remains */
export async function findUserId(db: Queryable, sessionId: number): Promise<number | undefined> {
  const [found] = await db
    .select({ userId: sessions.userId })
    .from(sessions)
    .where(eq(sessions.id, sessionId))
  return found?.userId
}

async function findOwner(tx: Queryable, secretId: string) {
  const [found] = await tx
    .select({ id: sessions.id, userId: sessions.userId })
    .from(sessions)
    .where(eq(sessions.digest, digest(secretId)))
  return found
}

export interface EndOptions {
  type?: 'logout' | 'session_ended'
  /** The Flask cookie that the request carried. It is revoked together with the session. */
  flaskCookie?: VerifiedFlaskCookie | undefined
}

/** Ends a session of the account. A session of another account is `not-found`. */
export function end(
  db: Database,
  change: Change,
  sessionId: number,
  { type = 'session_ended', flaskCookie }: EndOptions = {},
): Promise<{ ok: true } | Refused> {
  const { actor, origin, userId } = change
  return transaction(db, async (tx) => {
    const permission = await authorize(tx, change, 'own-or-admin')
    if (!permission.ok) return permission
    if ((await removeOne(tx, permission.account, sessionId)) === 0) return refused('not-found')
    if (flaskCookie) await revoke(tx, flaskCookie)
    await recordEvent(tx, origin, { type, actorId: actor.id, userId, detail: { sessionId } })
    return { ok: true }
  })
}

/** Ends all sessions of an account, or all except one. */
export function endAll(
  db: Database,
  change: Change,
  keptSessionId?: number,
): Promise<{ ok: true; count: number; hasLeftovers: boolean } | Refused> {
  const { actor, origin, userId } = change
  return transaction(db, async (tx) => {
    const permission = await authorize(tx, change, 'own-or-admin')
    if (!permission.ok) return permission
    const kept = keptSessionId === undefined ? undefined : eq(sessions.id, keptSessionId)
    await tx.update(users).set({ sessionsEndedAt: now }).where(eq(users.id, userId))
    const { count, ids, hasLeftovers } = await access.endAll(
      tx,
      'session',
      permission.account,
      kept,
    )
    if (count > 0) {
      const detail = { sessionsEnded: count, sessionIds: ids }
      await recordEvent(tx, origin, { type: 'session_ended', actorId: actor.id, userId, detail })
    }
    return { ok: true, count, hasLeftovers }
  })
}

/** @returns 0 if the session is not of this account, or has ended */
async function removeOne(tx: Queryable, owner: access.Owner, sessionId: number): Promise<number> {
  const [{ affectedRows }] = await tx
    .delete(sessions)
    .where(
      and(
        eq(sessions.id, sessionId),
        eq(sessions.userId, owner.id),
        eq(sessions.epoch, owner.sessionEpoch),
      ),
    )
  return affectedRows
}

/** @returns live sessions of the user, newest first, with ids below `before` */
export function list(
  db: Queryable,
  userId: number,
  limits: Pick<SessionLimits, 'idleMs'>,
  { before, limit }: { before?: number | undefined; limit: number },
) {
  return db
    .select(sessionColumns)
    .from(sessions, { forceIndex: 'sessions_user_epoch' })
    .innerJoin(users, and(eq(users.id, sessions.userId), eq(users.sessionEpoch, sessions.epoch)))
    .where(
      and(
        eq(users.id, userId),
        isLive(limits),
        before === undefined ? undefined : lt(sessions.id, before),
      ),
    )
    .orderBy(desc(sessions.id))
    .limit(limit)
}

/** Stores that these sessions were used now. A session that has ended stays ended. */
export async function touch(db: Queryable, ids: number[]): Promise<void> {
  await db.execute(sql`UPDATE ${sessions} FORCE INDEX (PRIMARY) SET ${sessions.lastSeenAt} = ${now}
    WHERE ${inArray(sessions.id, ids)} AND ${isDue}`) // another process may have written it
}
