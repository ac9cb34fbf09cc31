import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Lookups } from '../../../db/lookups/lookups.ts'
import { createPasswords } from '../../../plugins/passwords/passwords.ts'
import type { buildApp } from '../../app.ts'
import { startLoad } from './load-thread.ts'

type App = Awaited<ReturnType<typeof buildApp>>

/** As many requests at the same time as in the benchmark of docs/performance.md. */
const CONCURRENT = 64
const WARM_UP_MS = 700
const MEASURED_MS = 1_800
const HOST = '127.0.0.1'
const DIGEST_BYTES = 32
const US_PER_MS = 1_000
/** Linux counts the time of a thread in hundredths of a second. */
const MS_PER_TICK = 10

/**
 * Verifies passwords of no account, as a failed login does.
 *
 * @param concurrency how many at the same time
 * @returns how long one takes by the clock and of processor time, in ms, and how many end in a second
 */
export async function measureHashes(
  { cost, minLength }: { cost: number; minLength: number },
  concurrency: number,
): Promise<{ ms: number; cpuMs: number; perSecond: number }> {
  const queue = { concurrency, maxWaiting: concurrency }
  const passwords = await createPasswords({ cost, minLength, queue })
  const startedAt = performance.now()
  const cpu = process.cpuUsage()
  const times: number[] = []
  const repeat = async () => {
    do {
      const start = performance.now()
      await passwords.verify('a password of no account', undefined)
      times.push(performance.now() - start)
    } while (performance.now() - startedAt < MEASURED_MS)
  }
  await Promise.all(Array.from({ length: concurrency }, repeat))
  const tookMs = performance.now() - startedAt
  const { user, system } = process.cpuUsage(cpu)
  return {
    ms: median(times),
    cpuMs: (user + system) / US_PER_MS / times.length,
    perSecond: (times.length * 1_000) / tookMs,
  }
}

/**
 * Sends `GET /livez` from another thread over the loopback: what every request costs, without a
 * lookup.
 *
 * @returns the time of the server's thread for a request, in µs
 */
export async function measureRequests(app: App): Promise<number> {
  const port = Number(new URL(await app.listen({ host: HOST, port: 0 })).port)
  const worker = startLoad({ host: HOST, port, path: '/livez', connections: CONCURRENT })
  const failure = once(worker, 'error').then(([error]) => Promise.reject(error))
  failure.catch(() => undefined)
  let requests = 0
  app.server.on('request', () => {
    requests++
  })
  try {
    await Promise.race([sleep(WARM_UP_MS), failure])
    const before = { requests, ms: ownThreadMs(), load: performance.eventLoopUtilization() }
    await Promise.race([sleep(MEASURED_MS), failure])
    const ticked = ownThreadMs()
    const { active } = performance.eventLoopUtilization(before.load)
    const ms = ticked !== undefined && before.ms !== undefined ? ticked - before.ms : active
    return (ms * US_PER_MS) / (requests - before.requests)
  } finally {
    await worker.terminate()
  }
}

/**
 * Looks up unknown sessions, each together with an account, in the batches of the server.
 *
 * @param userIds of accounts that exist
 * @returns the processor time of this process for one lookup, in µs, and how long one waits, in ms
 */
export async function measureLookups(
  lookups: Lookups,
  userIds: number[],
): Promise<{ us: number; ms: number }> {
  let done = 0
  let isOver = false
  const repeat = async () => {
    while (!isOver) {
      const userId = userIds[Math.floor(Math.random() * userIds.length)]
      await lookups.find({ session: randomDigest(), userId })
      done++
    }
  }
  const running = Promise.all(Array.from({ length: CONCURRENT }, repeat))
  running.catch(() => undefined) // awaited below
  try {
    await sleep(WARM_UP_MS)
    const before = { done, cpu: process.cpuUsage(), at: performance.now() }
    await sleep(MEASURED_MS)
    const { user, system } = process.cpuUsage(before.cpu)
    const count = done - before.done
    const ms = ((performance.now() - before.at) * CONCURRENT) / count
    return { us: (user + system) / count, ms }
  } finally {
    isOver = true
    await running
  }
}

/** @returns the SHA-256 of a session that does not exist, in upper-case hex */
function randomDigest(): string {
  return randomBytes(DIGEST_BYTES).toString('hex').toUpperCase()
}

/** @returns the processor time of the main thread so far; undefined where /proc does not have it */
function ownThreadMs(): number | undefined {
  try {
    const stat = readFileSync(`/proc/self/task/${process.pid}/stat`, 'utf8')
    // The name of the program, in parentheses, can hold spaces. User and system time are 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK
  } catch {
    return undefined
  }
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
