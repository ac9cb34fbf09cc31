import { and, inArray, lte, sql } from 'drizzle-orm'
import { type Database, type Queryable, transaction } from '../client.ts'
import { now } from '../clock.ts'
import { digest } from '../digest.ts'
import { loginFailures } from '../schema.ts'

/** Tries in a row that cost nothing but themselves, by account and range, and by account alone. */
const FREE_TRIES = 10
const FREE_TRIES_ANYWHERE = 100
const MAX_DELAY_S = 15 * 60

/**
 * Counts a login before it is tried, so that a thousand tries at once are a thousand tries, and
 * says whether it may be tried now.
 *
 * Each try after the free ones delays the next: by 1 s, 2 s, 4 s, up to 15 minutes. The count ends
 * with a success (`clearFailures`). Tries that are refused don't count: else a client that waits
 * as it is told would be held off by one that doesn't.
 *
 * @param range of addresses that one attacker may well own
 * @returns the seconds to wait, or 0 if the login may be tried
 */
export function countLogin(db: Database, username: string, range: string): Promise<number> {
  const [ofRange, ofAccount] = keysOf(username, range)
  const counters = [
    { key: ofRange, free: FREE_TRIES },
    { key: ofAccount, free: FREE_TRIES_ANYWHERE },
  ].sort((a, b) => a.key.compare(b.key)) // the same order for all: no deadlocks
  return transaction(db, async (tx) => {
    const waits: number[] = []
    for (const { key } of counters) waits.push(await lockCounter(tx, key))
    const wait = Math.max(...waits)
    if (wait > 0) return wait
    for (const { key, free } of counters) await count(tx, key, free)
    return 0
  })
}

/** Forgets the failures of an account, from this range of addresses and in all, after a success. */
export function clearFailures(db: Database, username: string, range: string): Promise<void> {
  return transaction(db, async (tx) => {
    await tx.delete(loginFailures).where(inArray(loginFailures.key, keysOf(username, range)))
  })
}

/** Takes back the count of a login that came to no verdict, by a fault of ours; a delay stays. */
export function uncountLogin(db: Database, username: string, range: string): Promise<void> {
  const isOfLogin = inArray(loginFailures.key, keysOf(username, range))
  return transaction(db, async (tx) => {
    await tx
      .update(loginFailures)
      .set({ failures: sql`${loginFailures.failures} - 1` })
      .where(isOfLogin)
    // Else names that nobody has ever been judged by would fill the table.
    await tx.delete(loginFailures).where(and(isOfLogin, lte(loginFailures.failures, 0)))
  })
}

/** @returns the seconds for which the counter, locked from now on, still blocks */
async function lockCounter(tx: Queryable, key: Buffer): Promise<number> {
  await tx
    .insert(loginFailures)
    .values({ key, failures: 0, lastAt: now, blockedUntil: now })
    .onDuplicateKeyUpdate({ set: { lastAt: now } })
  const [counter] = await tx
    .select({
      waitS: sql<number>`CEIL(GREATEST(TIMESTAMPDIFF(MICROSECOND, ${now}, ${loginFailures.blockedUntil}), 0) / 1000000)`,
    })
    .from(loginFailures)
    .where(sql`${loginFailures.key} = ${key}`)
  return Number(counter?.waitS ?? 0)
}

async function count(tx: Queryable, key: Buffer, free: number): Promise<void> {
  const excess = sql`(${loginFailures.failures} + 1 - ${free})`
  const delayS = sql`IF(${excess} < 0, 0, LEAST(POW(2, LEAST(${excess}, 20)), ${MAX_DELAY_S}))`
  // Assigned from left to right: the delay is that of the failures so far.
  await tx.execute(sql`
    UPDATE ${loginFailures}
       SET blocked_until = ${now} + INTERVAL ${delayS} SECOND, failures = failures + 1
     WHERE ${loginFailures.key} = ${key}`)
}

/** The counter by account and address range, and that by account alone. */
function keysOf(username: string, range: string): [Buffer, Buffer] {
  const account = username.toLowerCase()
  return [digest(`${range} ${account}`), digest(`anywhere ${account}`)]
}
