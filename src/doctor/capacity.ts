import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { users } from '../../db/schema.ts'
import { buildApp } from '../app.ts'
import { hashShare, workerCount } from '../config/capacity.ts'
import { type Config, threadPoolSize } from '../config/config.ts'
import { measureHashes, measureLookups, measureRequests } from './measure.ts'

/** What was measured. Times are in ms or µs, rates per second. */
export interface Measurement {
  cores: number
  /** Of processor time, which other programs on this machine do not change much. */
  hashMs: number
  /** Other programs used the cores, so that hashes took much longer than their processor time. */
  isBusy: boolean
  /** Hashes at the same time, and how many of them end in a second. */
  concurrent: number
  concurrentMs: number
  hashesPerSecond: number
  requestUs: number
  lookupUs: number
  lookupMs: number
}

export interface Capacity extends Measurement {
  workers: number
  bcryptCost: number
  hashConcurrency: number
  loginsPerSecond: number
  readsPerSecondPerCore: number
  readsPerSecond: number
  suggested: { BCRYPT_COST: number; HASH_CONCURRENCY: number }
}

/**
 * A login should wait no longer for its hash. OWASP's Password Storage Cheat Sheet requires a cost
 * of 10 at least, and a hash that takes less than a second.
 */
export const TARGET_HASH_MS = 250
const MIN_COST = 10
const MAX_COST = 15
const MAX_IDS = 1_000
const SECRET_BYTES = 32
const BUSY_RATIO = 1.25

/**
 * Measures hashes, and the cost of a request and of its lookup, for about ten seconds. It reads the
 * database and changes nothing.
 *
 * @param announce is called with what is measured next
 */
export async function measureCapacity(
  databaseUrl: string,
  config: Config,
  announce: (what: string) => void,
): Promise<Capacity> {
  const cores = availableParallelism()
  const workers = workerCount(config)
  const hashConcurrency = hashShare(config, workers, cores)
  const hashing = { cost: config.BCRYPT_COST, minLength: config.PASSWORD_MIN_LENGTH }
  announce('one password hash at a time')
  const alone = await measureHashes(hashing, 1)
  const concurrent = Math.min(hashConcurrency * workers, threadPoolSize())
  if (concurrent > 1) announce(`${concurrent} password hashes at a time`)
  const together = concurrent === 1 ? alone : await measureHashes(hashing, concurrent)
  // The measured requests have no limit, and nobody reads metrics.
  const { REDIS_URL: _limit, METRICS_PORT: _metrics, ...settings } = config
  const app = await buildApp(
    {
      ...settings,
      DATABASE_URL: databaseUrl,
      SESSION_SECRET: randomBytes(SECRET_BYTES).toString('hex'),
      HASH_CONCURRENCY: 1,
    },
    { write: () => undefined },
  )
  try {
    announce('lookups in the database')
    const ids = await app.db.select({ id: users.id }).from(users).limit(MAX_IDS)
    const lookup = await measureLookups(
      app.lookups,
      ids.map(({ id }) => id),
    )
    announce('requests')
    const requestUs = await measureRequests(app)
    const measured = {
      cores,
      hashMs: rounded(Math.min(alone.ms, alone.cpuMs)),
      isBusy: alone.ms > BUSY_RATIO * alone.cpuMs,
      concurrent,
      concurrentMs: rounded(together.ms),
      hashesPerSecond: rounded(together.perSecond),
      requestUs: rounded(requestUs),
      lookupUs: rounded(lookup.us),
      lookupMs: rounded(lookup.ms),
    }
    return estimateCapacity(measured, { workers, hashConcurrency, bcryptCost: config.BCRYPT_COST })
  } finally {
    await app.close()
  }
}

/** @returns also what the measured times mean for the settings */
export function estimateCapacity(
  measured: Measurement,
  settings: { workers: number; hashConcurrency: number; bcryptCost: number },
): Capacity {
  const { workers, hashConcurrency, bcryptCost } = settings
  const { cores, concurrent, hashesPerSecond, hashMs, requestUs, lookupUs } = measured
  // Where the thread pool of this command is too small for all hashes, each core adds as many.
  const usable = Math.min(hashConcurrency * workers, cores)
  const readsPerSecondPerCore = 1_000_000 / (requestUs + lookupUs)
  const steps = Math.floor(Math.log2(TARGET_HASH_MS / hashMs))
  return {
    ...measured,
    ...settings,
    loginsPerSecond: rounded(hashesPerSecond * Math.max(1, usable / concurrent)),
    readsPerSecondPerCore: Math.round(readsPerSecondPerCore),
    readsPerSecond: Math.round(readsPerSecondPerCore * Math.min(workers, cores)),
    suggested: {
      BCRYPT_COST: Math.min(MAX_COST, Math.max(MIN_COST, bcryptCost + steps)),
      HASH_CONCURRENCY: Math.max(1, Math.floor((cores - 1) / workers)),
    },
  }
}

/** @returns lines for a terminal */
export function describeCapacity(capacity: Capacity): string[] {
  const { suggested, cores, workers } = capacity
  const rows: [string, string][] = [
    ['cores', String(cores)],
    [
      'password hash',
      `${ms(capacity.hashMs)} of processor time at BCRYPT_COST=${capacity.bcryptCost}`,
    ],
    [
      '',
      `${ms(capacity.concurrentMs)} with ${capacity.concurrent} at a time: ${rate(capacity.hashesPerSecond)}`,
    ],
    [
      'logins',
      `${rate(capacity.loginsPerSecond)} with WORKERS=${workers} and HASH_CONCURRENCY=${capacity.hashConcurrency}`,
    ],
    ['request', `${us(capacity.requestUs)} of the server's thread, measured with GET /livez`],
    [
      'lookup',
      `${us(capacity.lookupUs)} of the server; with 64 at a time, each waits ${ms(capacity.lookupMs)} for the database`,
    ],
    [
      'reads',
      `${rate(capacity.readsPerSecondPerCore)} for each core: one request and one lookup each`,
    ],
    [
      '',
      `${rate(capacity.readsPerSecond)} with WORKERS=${workers}, if nothing else uses its cores`,
    ],
    [
      'suggestion',
      `BCRYPT_COST=${suggested.BCRYPT_COST}: the highest with a hash below ${TARGET_HASH_MS} ms, but at least ${MIN_COST}`,
    ],
    [
      '',
      `HASH_CONCURRENCY=${suggested.HASH_CONCURRENCY}: all cores but one, divided among the workers; the default`,
    ],
  ]
  if (capacity.isBusy) {
    const text = 'other programs use the cores: measure again on a quiet machine for higher rates'
    rows.push(['note', text])
  }
  return rows.map(([name, text]) => `${name.padEnd(NAME_WIDTH)}${text}`)
}

const NAME_WIDTH = 16

function rounded(value: number): number {
  return Math.round(value * 100) / 100
}

function ms(value: number): string {
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`
}

function us(value: number): string {
  return `${value.toFixed(1)} µs`
}

function rate(perSecond: number): string {
  return perSecond < 100
    ? `${perSecond.toFixed(1)} a second`
    : `${Math.round(perSecond / 100) * 100} a second`
}
