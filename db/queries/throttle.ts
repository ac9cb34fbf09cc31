import { and, eq, inArray, lte, sql } from 'drizzle-orm'
import type { Database, Queryable } from '../client.ts'
import { now } from '../clock.ts'
import { digest } from '../digest.ts'
import { loginFailures } from '../schema.ts'
import { transaction } from '../transaction.ts'

/** Attempts that are not delayed, by account and address range and by account alone. */
const FREE_TRIES = 10
const FREE_TRIES_ANYWHERE = 100
const MAX_DELAY_S = 15 * 60

/**
 * Counts a login before it is tried, so that a thousand simultaneous logins count as a thousand,
 * and decides whether it may be tried now.
 *
 * The last free attempt delays the next one by 1 s, and each further attempt doubles the delay, up
 * to 15 minutes (OWASP ASVS 5.0, 6.3.1). A success resets the count (`clearFailures`). Refused
 * logins do not count: otherwise a client that obeys `retry-after` would be blocked by one that
 * does not.
 *
 * @param range the address range that one attacker may control
 * @returns the seconds to wait, or 0 if the login may be tried
 */
export function countLogin(db: Database, username: string, range: string): Promise<number> {
  const [byRange, byAccount] = keysOf(username, range)
  const freeTries = [
    { key: byRange, free: FREE_TRIES },
    { key: byAccount, free: FREE_TRIES_ANYWHERE },
  ]
  return transaction(db, async (tx) => {
    const counters = await lockCounters(tx, [byRange, byAccount])
    const waitMs = Math.max(...counters.map((counter) => +counter.blockedUntil - +counter.now))
    if (waitMs > 0) return Math.ceil(waitMs / 1_000)
    for (const { key, failures, now } of counters) {
      const free = freeTries.find((entry) => entry.key.equals(key))?.free ?? 0
      const delayMs = delayS(failures + 1 - free) * 1_000
      await tx
        .update(loginFailures)
        .set({ failures: failures + 1, blockedUntil: new Date(+now + delayMs) })
        .where(eq(loginFailures.key, key))
    }
    return 0
  })
}

/** @param excess 0 for the last free attempt, 1 for the next one, and so on */
function delayS(excess: number): number {
  return excess < 0 ? 0 : Math.min(2 ** excess, MAX_DELAY_S)
}

/** Resets the failures of an account, from this address range and in total, after a success. */
export function clearFailures(db: Database, username: string, range: string): Promise<void> {
  return transaction(db, async (tx) => {
    await tx.delete(loginFailures).where(inArray(loginFailures.key, keysOf(username, range)))
  })
}

/** Subtracts an attempt that ended with a server error. It does not shorten a delay. */
export function uncountLogin(db: Database, username: string, range: string): Promise<void> {
  const isOfLogin = inArray(loginFailures.key, keysOf(username, range))
  return transaction(db, async (tx) => {
    await tx
      .update(loginFailures)
      .set({ failures: sql`${loginFailures.failures} - 1` })
      .where(isOfLogin)
    // Otherwise names that were never checked would fill the table.
    await tx.delete(loginFailures).where(and(isOfLogin, lte(loginFailures.failures, 0)))
  })
}

/**
 * Locks the counters until the transaction ends, and creates those that are missing.
 *
 * @returns them with the database's clock
 */
async function lockCounters(tx: Queryable, keys: Buffer[]) {
  // Every transaction locks in the order of the keys, so two logins cannot deadlock.
  const ordered = keys.toSorted((a, b) => a.compare(b))
  await tx
    .insert(loginFailures)
    .values(ordered.map((key) => ({ key, failures: 0, lastAt: now, blockedUntil: now })))
    .onDuplicateKeyUpdate({ set: { lastAt: now } })
  return tx
    .select({
      key: loginFailures.key,
      failures: loginFailures.failures,
      blockedUntil: loginFailures.blockedUntil,
      now: sql<Date>`${now}`.mapWith(loginFailures.lastAt),
    })
    .from(loginFailures)
    .where(inArray(loginFailures.key, ordered))
}

/** The counter by account and address range, and the counter by account alone. */
function keysOf(username: string, range: string): [Buffer, Buffer] {
  const account = username.toLowerCase()
  return [digest(`${range} ${account}`), digest(`anywhere ${account}`)]
}
