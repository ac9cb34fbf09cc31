import { and, eq, inArray, lte, sql } from 'drizzle-orm'
import type { Database, Queryable } from '../client.ts'
import { now } from '../clock.ts'
import { digest } from '../digest.ts'
import { loginFailures } from '../schema.ts'
import { transaction } from '../transaction.ts'
import { usernameKey } from '../usernames.ts'
import { authorize, type Change, type Operator, type Refused } from './authority.ts'
import { recordEvent } from './events.ts'

/** Attempts that are not delayed, by account and address range and by account alone. */
const FREE_TRIES = 10
const FREE_TRIES_ANYWHERE = 100
const MAX_DELAY_S = 15 * 60

/**
 * Counts an attempt to use a password before it is checked, so that a thousand simultaneous
 * attempts count as a thousand, and decides whether it may be made now.
 *
 * The last free attempt delays the next one by 1 s, and each further attempt doubles the delay, up
 * to 15 minutes (OWASP ASVS 5.0, 6.3.1). A delay never exceeds that of its count, even if the
 * database's clock is set back. A success resets the count (`clearFailures`). Refused
 * attempts do not count: otherwise a client that obeys `retry-after` would be blocked by one that
 * does not.
 *
 * @param range the address range that one attacker may control
 * @returns the seconds to wait, or 0 if the attempt may be made
 */
export function countAttempt(db: Database, username: string, range: string): Promise<number> {
  const [byRange, byAccount] = keysOf(username, range)
  return transaction(db, async (tx) => {
    const counters = await lockCounters(tx, [byRange, byAccount])
    const excessOf = ({ key, failures }: Counter) =>
      failures - (key.equals(byRange) ? FREE_TRIES : FREE_TRIES_ANYWHERE)
    let waitMs = 0
    for (const counter of counters) {
      const storedMs = Date.parse(counter.blockedUntil) - Date.parse(counter.now)
      const longestMs = delayMs(excessOf(counter))
      // The clock was set back, or an attempt was subtracted.
      if (storedMs > longestMs) await block(tx, counter, longestMs)
      waitMs = Math.max(waitMs, Math.min(storedMs, longestMs))
    }
    if (waitMs > 0) return Math.ceil(waitMs / 1_000)
    for (const counter of counters) {
      const counted = { ...counter, failures: counter.failures + 1 }
      await block(tx, counted, delayMs(excessOf(counted)))
    }
    return 0
  })
}

async function block(tx: Queryable, { key, failures, now }: Counter, forMs: number): Promise<void> {
  const blockedUntil = new Date(Date.parse(now) + forMs).toISOString()
  await tx.update(loginFailures).set({ failures, blockedUntil }).where(eq(loginFailures.key, key))
}

/** @param excess 0 for the last free attempt, 1 for the next one, and so on */
function delayMs(excess: number): number {
  return excess < 0 ? 0 : Math.min(2 ** excess, MAX_DELAY_S) * 1_000
}

/** Resets the failures of an account, from this address range and in total, after a success. */
export function clearFailures(db: Database, username: string, range: string): Promise<void> {
  return transaction(db, async (tx) => {
    await tx.delete(loginFailures).where(inArray(loginFailures.key, keysOf(username, range)))
  })
}

/** Subtracts an attempt that ended with a server error: its password was not checked. */
export function uncountAttempt(db: Database, username: string, range: string): Promise<void> {
  const isOfAttempt = inArray(loginFailures.key, keysOf(username, range))
  return transaction(db, async (tx) => {
    await tx
      .update(loginFailures)
      .set({ failures: sql`${loginFailures.failures} - 1` })
      .where(isOfAttempt)
    // Otherwise names that were never checked would fill the table.
    await tx.delete(loginFailures).where(and(isOfAttempt, lte(loginFailures.failures, 0)))
  })
}

/**
 * Finds where attempts on an account came from, without counting one.
 *
 * @param ranges those that may have made one
 * @returns whether there was any since the last success, and the ranges among `ranges`
 */
export async function findAttempts(
  db: Queryable,
  username: string,
  ranges: string[],
): Promise<{ isAny: boolean; ranges: string[] }> {
  const keys = ranges.map((range) => keysOf(username, range))
  const rows = await db
    .select({ key: loginFailures.key })
    .from(loginFailures)
    .where(inArray(loginFailures.key, keys.flat()))
  const isStored = (key: Buffer | undefined) =>
    key !== undefined && rows.some((row) => row.key.equals(key))
  return {
    isAny: isStored(keys[0]?.[1]),
    ranges: ranges.filter((_range, index) => isStored(keys[index]?.[0])),
  }
}

/** @returns how many attempts in a row have failed, from any address, and until when the next is delayed */
export async function findThrottle(
  db: Queryable,
  username: string,
): Promise<{ failedAttempts: number; throttledUntil: string | null }> {
  const [, byAccount] = keysOf(username, '')
  const [counter] = await db
    .select(counterColumns)
    .from(loginFailures)
    .where(eq(loginFailures.key, byAccount))
  const isDelayed = counter !== undefined && counter.blockedUntil > counter.now
  return {
    failedAttempts: counter?.failures ?? 0,
    throttledUntil: isDelayed ? counter.blockedUntil : null,
  }
}

/**
 * Deletes the counter of an account for any address, so that its owner need not wait while others
 * guess. The counters by address range stay: they delay those who guess.
 */
export function unthrottle(
  db: Database,
  change: Change<Operator>,
): Promise<{ ok: true } | Refused> {
  return transaction(db, async (tx) => {
    const permission = await authorize(tx, change, 'admin')
    if (!permission.ok) return permission
    const [, byAccount] = keysOf(permission.account.username, '')
    await tx.delete(loginFailures).where(eq(loginFailures.key, byAccount))
    const { actor, origin, userId } = change
    const detail = { unthrottled: true }
    await recordEvent(tx, origin, { type: 'user_updated', actorId: actor.id, userId, detail })
    return { ok: true }
  })
}

/** A counter, with the database's clock. */
const counterColumns = {
  key: loginFailures.key,
  failures: loginFailures.failures,
  blockedUntil: loginFailures.blockedUntil,
  now: sql<string>`${now}`.mapWith(loginFailures.lastAt),
}

type Counter = Awaited<ReturnType<typeof lockCounters>>[number]

/**
 * Locks the counters until the transaction ends, and creates those that are missing.
 *
 * @returns them with the database's clock
 */
async function lockCounters(tx: Queryable, keys: Buffer[]) {
  // Every transaction locks in the order of the keys, so two attempts cannot deadlock.
  const ordered = keys.toSorted((a, b) => a.compare(b))
  // One by one, and with an INSERT only if it must be: TiDB runs a statement again each time that
  // another transaction was first to change one of its rows.
  for (const key of ordered) {
    const isOfKey = eq(loginFailures.key, key)
    const [{ affectedRows }] = await tx.update(loginFailures).set({ lastAt: now }).where(isOfKey)
    if (affectedRows > 0) continue
    await tx
      .insert(loginFailures)
      .values({ key, failures: 0, lastAt: now, blockedUntil: now })
      .onDuplicateKeyUpdate({ set: { lastAt: now } })
  }
  return tx.select(counterColumns).from(loginFailures).where(inArray(loginFailures.key, ordered))
}

/** The counter by account and address range, and the counter by account alone. */
function keysOf(username: string, range: string): [Buffer, Buffer] {
  const account = usernameKey(username)
  return [digest(`${range} ${account}`), digest(`anywhere ${account}`)]
}
