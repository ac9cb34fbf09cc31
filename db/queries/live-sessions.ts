import { and, desc, eq, gt, gte } from 'drizzle-orm'
import type { Queryable } from '../client.ts'
import { ago, ahead, now } from '../clock.ts'
import { sessions } from '../schema.ts'
import * as access from './access.ts'
import { type Origin, recordEvent } from './events.ts'

export interface SessionLimits {
  /** Maximum time since the last request, in ms. */
  idleMs: number
  /** Maximum time since the login, in ms. */
  lifetimeMs: number
  /** Maximum number of live sessions of an account. */
  maxPerUser: number
}

/** @returns the condition that a session has not expired; its epoch must be compared beside it */
export function isLive({ idleMs }: Pick<SessionLimits, 'idleMs'>) {
  return and(gt(sessions.expiresAt, now), gt(sessions.lastSeenAt, ago(idleMs)))
}

export interface AddedSession {
  /** SHA-256 of the session's secret id. */
  digest: Buffer
  userAgent: string | undefined
  origin: Origin
}

/**
 * Adds a session to an account, and ends the account's oldest ones if it has more than it may have.
 *
 * @returns what ended, to be recorded by `recordRoomMade`, or undefined
 */
export async function addSession(
  tx: Queryable,
  owner: access.Owner,
  limits: SessionLimits,
  { digest, userAgent, origin }: AddedSession,
): Promise<access.Ended | undefined> {
  const ended = await makeRoom(tx, owner, limits)
  await tx.insert(sessions).values({
    digest,
    userId: owner.id,
    epoch: ended?.epoch ?? owner.sessionEpoch,
    expiresAt: ahead(limits.lifetimeMs),
    address: origin.address,
    userAgent: userAgent?.slice(0, 255),
  })
  return ended
}

/** Records which sessions ended, as one of the last statements of the transaction. */
export async function recordRoomMade(
  tx: Queryable,
  { id }: access.Owner,
  origin: Origin,
  ended: access.Ended | undefined,
): Promise<void> {
  if (!ended) return
  const detail = { sessionsEnded: ended.count, sessionIds: ended.ids, limitReached: true }
  await recordEvent(tx, origin, { type: 'session_ended', actorId: id, userId: id, detail })
}

/**
 * Ends the oldest sessions of an account that has as many as it may have, so that one more can be
 * opened.
 *
 * @returns what ended, or undefined if there is room
 */
async function makeRoom(tx: Queryable, owner: access.Owner, limits: SessionLimits) {
  const live = await tx
    .select({ id: sessions.id })
    .from(sessions, { forceIndex: 'sessions_user_epoch' })
    .where(
      and(eq(sessions.userId, owner.id), eq(sessions.epoch, owner.sessionEpoch), isLive(limits)),
    )
    .orderBy(desc(sessions.id))
    .limit(limits.maxPerUser)
  if (live.length < limits.maxPerUser) return undefined
  const oldestKept = live.at(-2)?.id
  return access.endAll(
    tx,
    'session',
    owner,
    oldestKept === undefined ? undefined : gte(sessions.id, oldestKept),
  )
}
