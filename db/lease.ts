import { randomUUID } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { and, eq, lte } from 'drizzle-orm'
import type { Database } from './client.ts'
import { ahead, now } from './clock.ts'
import { isDuplicateKey } from './errors.ts'
import { leases } from './schema.ts'

/** Work that one process of all does at a time. */
export type LeaseName = 'import' | 'migrate' | 'sweep'

/** How long the work of a process that died keeps others waiting. */
const LEASE_MS = 30_000
/** How often a lease is renewed while it lasts. */
const RENEWALS = 3
const POLL_EVERY_MS = 200
/** One for the work and one that renews the lease. */
const MIN_CONNECTIONS = 2

interface LeaseOptions {
  /** How long to wait while another process holds the lease, in ms. */
  waitMs?: number
  /** How long the lease lasts when it is not renewed, in ms. */
  leaseMs?: number
}

interface Lease {
  db: Database
  name: LeaseName
  holder: string
  leaseMs: number
}

/**
 * Does work while this process holds a lease: a row that one process of all can have. A named lock or
 * a row lock of the database would hold on one server only, and Galera and TiDB have several.
 *
 * @param db with two connections or more
 * @param work must stop when its signal aborts: another process may hold the lease then
 * @returns what the work returns, or undefined if another process holds the lease
 * @throws what the work or the database throws
 */
export async function withLease<T>(
  db: Database,
  name: LeaseName,
  work: (signal: AbortSignal) => Promise<T>,
  { waitMs = 0, leaseMs = LEASE_MS }: LeaseOptions = {},
): Promise<T | undefined> {
  if (db.pool.size < MIN_CONNECTIONS) throw new Error('a lease needs two connections')
  const lease = { db, name, holder: randomUUID(), leaseMs }
  if (!(await take(lease, waitMs))) return undefined
  const lost = new AbortController()
  const stop = keep(lease, lost)
  try {
    return await work(lost.signal)
  } finally {
    stop()
    await db
      .update(leases)
      .set({ expiresAt: now })
      .where(isHeldBy(lease))
      .catch(() => undefined) // it expires by itself
  }
}

async function take(lease: Lease, waitMs: number): Promise<boolean> {
  const endsAt = performance.now() + waitMs
  while (!(await tryToTake(lease))) {
    if (performance.now() >= endsAt) return false
    await sleep(POLL_EVERY_MS)
  }
  return true
}

/** Two servers that accept the same key at the same time find that out at the commit. */
async function tryToTake({ db, name, holder, leaseMs }: Lease): Promise<boolean> {
  const term = { holder, expiresAt: ahead(leaseMs) }
  const hasExpired = and(eq(leases.name, name), lte(leases.expiresAt, now))
  const [{ affectedRows }] = await db.update(leases).set(term).where(hasExpired)
  if (affectedRows === 1) return true
  try {
    await db.insert(leases).values({ name, ...term })
    return true
  } catch (error) {
    if (isDuplicateKey(error)) return false
    throw error
  }
}

/** @returns a function that ends the renewals */
function keep(lease: Lease, lost: AbortController): () => void {
  const { db, leaseMs } = lease
  let renewedAt = performance.now()
  const renew = async () => {
    const startedAt = performance.now()
    if (startedAt - renewedAt >= leaseMs) return lost.abort()
    const [{ affectedRows }] = await db
      .update(leases)
      .set({ expiresAt: ahead(leaseMs) })
      .where(isHeldBy(lease))
    if (affectedRows === 0) lost.abort()
    else renewedAt = startedAt
  }
  const timer = setInterval(() => renew().catch(() => undefined), leaseMs / RENEWALS)
  return () => clearInterval(timer)
}

function isHeldBy({ name, holder }: Lease) {
  return and(eq(leases.name, name), eq(leases.holder, holder))
}
