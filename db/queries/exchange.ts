import { and, eq, sql } from 'drizzle-orm'
import type { Database, Queryable } from '../client.ts'
import { ago } from '../clock.ts'
import { digest } from '../digest.ts'
import { importedUsers, usedCookies, users } from '../schema.ts'
import { transaction } from '../transaction.ts'
import { type Refused, refused } from './authority.ts'
import { type Origin, recordEvent } from './events.ts'
import { addSession, recordRoomMade, type SessionLimits } from './live-sessions.ts'
import { markExchanged, type VerifiedFlaskCookie } from './used-cookies.ts'

export interface ExchangeRequest {
  /** The secret id of the session to open. */
  secretId: string
  userAgent: string | undefined
  origin: Origin
  /** @returns how long ago the request arrived, in ms */
  elapsedMs: () => number
  /** How long after the exchange a request may arrive and still get the same session, in ms. */
  graceMs: number
}

export interface Exchanged {
  ok: true
  /** SHA-256 of the secret id of the session that the cookie was exchanged for. */
  sessionDigest: Buffer
  /** False if a request in parallel opened the session, so that its secret id is unknown here. */
  isNew: boolean
}

type Result = Exchanged | Refused<'cookie-refused'>

/**
 * Exchanges a Flask cookie of an imported account for a session. A cookie is exchanged once: a request that
 * arrives later than `graceMs` after the exchange is refused. A request that arrived before gets the same
 * session.
 *
 * A cookie is also refused if its account was not imported under this id, is disabled, deleted or a service, or if
 * all sessions of the account have ended since the cookie was signed.
 *
 * @throws an error of the database
 */
export async function exchange(
  db: Database,
  cookie: VerifiedFlaskCookie,
  limits: SessionLimits,
  { secretId, userAgent, origin, elapsedMs, graceMs }: ExchangeRequest,
): Promise<Result> {
  // The elapsed time is read once a connection is free, because it includes the wait for one.
  const known = await db.pool.use(db.nextLimit(), ({ queries }) =>
    findCookieUse(queries, cookie, elapsedMs() + graceMs),
  )
  if (!known) return refused('cookie-refused')
  if (known.isUsed) return known.isRecent ? shared(known) : refused('cookie-refused')

  return transaction(db, async (tx) => {
    const [owner] = await tx
      .select(ownerColumns)
      .from(users)
      .where(eq(users.id, cookie.userId))
      .for('update')
    // The row was stored after the query above, so this request arrived before the exchange.
    const [use] = await tx
      .select({ sessionDigest: usedCookies.sessionDigest })
      .from(usedCookies)
      .where(eq(usedCookies.digest, cookie.digest))
    if (use) return shared(use)
    if (
      !owner ||
      owner.kind === 'service' ||
      owner.disabled ||
      hasEndedSince(owner.sessionsEndedAt, cookie)
    ) {
      return refused('cookie-refused')
    }
    const sessionDigest = digest(secretId)
    const isFirst = await markExchanged(tx, cookie, sessionDigest)
    if (!isFirst) return refused('cookie-refused') // a logout or login of another account revoked it
    const ended = await addSession(tx, owner, limits, { digest: sessionDigest, userAgent, origin })
    await recordRoomMade(tx, owner, origin, ended)
    const who = { actorId: owner.id, userId: owner.id }
    await recordEvent(tx, origin, { type: 'login', ...who, detail: { exchanged: true } })
    return { ok: true, sessionDigest, isNew: true }
  })
}

const ownerColumns = {
  id: users.id,
  kind: users.kind,
  disabled: users.disabled,
  sessionEpoch: users.sessionEpoch,
  tokenEpoch: users.tokenEpoch,
  sessionsEndedAt: users.sessionsEndedAt,
}

/**
 * @param recentMs how long ago a use counts as recent
 * @returns whether the cookie was used, and whether recently; undefined if the account was not imported
 *   under the id in the cookie
 */
async function findCookieUse(
  queries: Queryable,
  { userId, digest }: VerifiedFlaskCookie,
  recentMs: number,
) {
  const [found] = await queries
    .select({
      usedAt: usedCookies.usedAt,
      sessionDigest: usedCookies.sessionDigest,
      isRecent: sql<number>`${usedCookies.usedAt} >= ${ago(Math.floor(recentMs))}`,
    })
    .from(importedUsers, { forceIndex: 'PRIMARY' })
    .leftJoin(usedCookies, eq(usedCookies.digest, digest), { forceIndex: 'PRIMARY' })
    .where(and(eq(importedUsers.userId, userId), eq(importedUsers.keepsId, true)))
  return found && { ...found, isUsed: found.usedAt !== null, isRecent: found.isRecent === 1 }
}

/** @returns the session that the cookie was exchanged for, or a refusal if the cookie was revoked */
function shared({ sessionDigest }: { sessionDigest: Buffer | null }): Result {
  return sessionDigest ? { ok: true, sessionDigest, isNew: false } : refused('cookie-refused')
}

/** A cookie signed in the same second as the end counts as older, because its timestamp has whole seconds. */
function hasEndedSince(sessionsEndedAt: string | null, { signedAt }: VerifiedFlaskCookie): boolean {
  return sessionsEndedAt !== null && signedAt.getTime() <= Date.parse(sessionsEndedAt)
}
