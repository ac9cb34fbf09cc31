import { isIPv4 } from 'node:net'
import { inArray, sql } from 'drizzle-orm'
import { type Database, type Queryable, transaction } from './client.ts'
import { digest } from './digest.ts'
import { loginFailures } from './schema.ts'

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
 * @returns the seconds to wait, or 0 if the login may be tried
 */
export function countLogin(
  db: Database,
  username: string,
  address: string | undefined,
): Promise<number> {
  const [ofRange, ofAccount] = keysOf(username, address)
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

/** Forgets the failures of an account from an address, after a success. */
export async function clearFailures(
  db: Queryable,
  username: string,
  address: string | undefined,
): Promise<void> {
  await db.delete(loginFailures).where(inArray(loginFailures.key, keysOf(username, address)))
}

/** Takes back the count of a login that came to no verdict, by a fault of ours; a delay stays. */
export async function uncountLogin(
  db: Queryable,
  username: string,
  address: string | undefined,
): Promise<void> {
  await db
    .update(loginFailures)
    .set({ failures: sql`GREATEST(${loginFailures.failures} - 1, 0)` })
    .where(inArray(loginFailures.key, keysOf(username, address)))
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

const now = sql`CURRENT_TIMESTAMP(3)`

/** The counter by account and address range, and that by account alone. */
function keysOf(username: string, address: string | undefined): [Buffer, Buffer] {
  const account = username.toLowerCase()
  return [digest(`${rangeOf(address)} ${account}`), digest(`anywhere ${account}`)]
}

/** The range that one attacker can well be thought to own: IPv4 /24, IPv6 /64. */
export function rangeOf(address = ''): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address
  if (isIPv4(mapped)) return mapped.split('.').slice(0, 3).join('.')
  const [head = '', tail] = mapped.toLowerCase().split('%')[0]?.split('::') ?? []
  const left = head.split(':').filter(Boolean)
  const right = tail?.split(':').filter(Boolean) ?? []
  const gap = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0')
  const groups = tail === undefined ? left : [...left, ...gap, ...right]
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')
}
