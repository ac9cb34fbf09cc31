import { and, eq, sql } from 'drizzle-orm'
import type { Database, Queryable } from '../client.ts'
import { ago } from '../clock.ts'
import { digest } from '../digest.ts'
import { importedUsers, usedCookies, users } from '../schema.ts'
import { transaction } from '../transaction.ts'
import { type Refused, refused } from './authority.ts'
import { type Origin, recordEvent } from './events.ts'
import { addSession, recordRoomMade, type SessionLimits } from './live-sessions.ts'

/** A session cookie of the earlier service, whose signature and age were verified. */
export interface EarlierCookie {
  /** SHA-256 of the cookie. */
  digest: Buffer
  userId: number
  signedAt: Date
  /** From then on the cookie is refused without a query. */
  expiresAt: Date
}

export interface ExchangeRequest {
  /** Of the session to open. */
  secretId: string
  userAgent: string | undefined
  origin: Origin
  /** @returns how long ago the request arrived, in ms */
  elapsedMs: () => number
}

export interface Exchanged {
  ok: true
  /** Of the session that the cookie was exchanged for. */
  sessionDigest: Buffer
  /** False if a request in parallel opened the session, so that its secret id is unknown here. */
  isNew: boolean
}

type Result = Exchanged | Refused<'cookie-refused'>

/**
 * Exchanges a cookie of an imported account for a session. A cookie is exchanged once: a request that
 * arrives later is refused. One that arrived before, in parallel, gets the same session.
 *
 * Refuses also if the account was not imported under this id, or is disabled or deleted, or if all its
 * sessions have ended since the cookie was signed.
 */
export async function exchange(
  db: Database,
  cookie: EarlierCookie,
  limits: SessionLimits,
  { secretId, userAgent, origin, elapsedMs }: ExchangeRequest,
): Promise<Result> {
  // On a connection, because a wait for one counts as elapsed.
  const known = await db.pool.use(db.nextLimit(), ({ queries }) =>
    findImported(queries, cookie, elapsedMs()),
  )
  if (!known) return refused('cookie-refused')
  if (known.isUsed) return known.arrivedBefore ? shared(known) : refused('cookie-refused')

  return transaction(db, async (tx) => {
    const [owner] = await tx
      .select(ownerColumns)
      .from(users)
      .where(eq(users.id, cookie.userId))
      .for('update')
    // Stored since the query above, so this request arrived before.
    const [use] = await tx
      .select({ sessionDigest: usedCookies.sessionDigest })
      .from(usedCookies)
      .where(eq(usedCookies.digest, cookie.digest))
    if (use) return shared(use)
    if (!owner || owner.disabled || hasEndedSince(owner.sessionsEndedAt, cookie)) {
      return refused('cookie-refused')
    }
    const sessionDigest = digest(secretId)
    const isFirst = await useUp(tx, cookie, sessionDigest)
    if (!isFirst) return refused('cookie-refused') // a logout or login of another account ended it
    const ended = await addSession(tx, owner, limits, { digest: sessionDigest, userAgent, origin })
    await recordRoomMade(tx, owner, origin, ended)
    const who = { actorId: owner.id, userId: owner.id }
    await recordEvent(tx, origin, { type: 'login', ...who, detail: { exchanged: true } })
    return { ok: true, sessionDigest, isNew: true }
  })
}

/**
 * Marks a cookie as used, within a larger change.
 *
 * @param sessionDigest of the session that it is exchanged for; without it, the cookie has ended
 * @returns false if it was used before
 */
export async function useUp(
  tx: Queryable,
  { digest, expiresAt }: EarlierCookie,
  sessionDigest?: Buffer,
): Promise<boolean> {
  const row = { digest, sessionDigest, expiresAt: expiresAt.toISOString() }
  // IGNORE waits for another transaction that inserts the same digest, and then inserts nothing.
  const [{ affectedRows }] = await tx.insert(usedCookies).ignore().values(row)
  return affectedRows > 0
}

const ownerColumns = {
  id: users.id,
  disabled: users.disabled,
  sessionEpoch: users.sessionEpoch,
  tokenEpoch: users.tokenEpoch,
  sessionsEndedAt: users.sessionsEndedAt,
}

/** @returns undefined if the account was not imported under the id in the cookie */
async function findImported(
  queries: Queryable,
  { userId, digest }: EarlierCookie,
  elapsedMs: number,
) {
  const [found] = await queries
    .select({
      usedAt: usedCookies.usedAt,
      sessionDigest: usedCookies.sessionDigest,
      arrivedBefore: sql<number>`${usedCookies.usedAt} >= ${ago(Math.floor(elapsedMs))}`,
    })
    .from(importedUsers, { forceIndex: 'PRIMARY' })
    .leftJoin(usedCookies, eq(usedCookies.digest, digest), { forceIndex: 'PRIMARY' })
    .where(and(eq(importedUsers.userId, userId), eq(importedUsers.keepsId, true)))
  return (
    found && { ...found, isUsed: found.usedAt !== null, arrivedBefore: found.arrivedBefore === 1 }
  )
}

/** @param use of the cookie; without a session if a logout or a login ended it */
function shared({ sessionDigest }: { sessionDigest: Buffer | null }): Result {
  return sessionDigest ? { ok: true, sessionDigest, isNew: false } : refused('cookie-refused')
}

/** The cookie has whole seconds, so one of the same second as the end counts as older. */
function hasEndedSince(sessionsEndedAt: string | null, { signedAt }: EarlierCookie): boolean {
  return sessionsEndedAt !== null && signedAt.getTime() <= Date.parse(sessionsEndedAt)
}
