import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { users } from '../../../db/schema.ts'
import { buildApp } from '../../app.ts'
import { hashesPerProcess, hashShare, workerCount } from '../../config/capacity.ts'
import { type Config, threadPoolSize } from '../../config/config.ts'
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
  suggested: {
    BCRYPT_COST: number
    HASH_CONCURRENCY: number
    /** Only where the thread pool is too small for them. */
    UV_THREADPOOL_SIZE?: number
  }
}

/**
 * A login should wait no longer for its hash. OWASP's Password Storage Cheat Sheet requires a cost
 * of 10 at least, and a hash that takes less than a second.
 */
export const TARGET_HASH_MS = 250
export const MIN_COST = 10
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
  const hashConcurrency = hashesPerProcess(config, cores)
  const hashing = { cost: config.BCRYPT_COST, minLength: config.PASSWORD_MIN_LENGTH }
  announce('one password hash at a time')
  const alone = await measureHashes(hashing, 1)
  const concurrent = Math.min(hashConcurrency * workers, threadPoolSize())
  if (concurrent > 1) announce(`${concurrent} password hashes at a time`)
  const together = concurrent === 1 ? alone : await measureHashes(hashing, concurrent)
  // The measured requests have no limit. Neither metrics nor traces leave this process.
  const { REDIS_URL: _limit, METRICS_PORT: _metrics, ...settings } = config
  const app = await buildApp(
    {
      ...settings,
      DATABASE_URL: databaseUrl,
      SESSION_SECRET: randomBytes(SECRET_BYTES).toString('hex'),
      HASH_CONCURRENCY: 1,
      OTEL_SDK_DISABLED: true,
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

/**
 * @param settings.threads of the pool that a server of one process is started with
 * @returns also what the measured times mean for the settings
 */
export function estimateCapacity(
  measured: Measurement,
  {
    threads = threadPoolSize(),
    ...settings
  }: { workers: number; hashConcurrency: number; bcryptCost: number; threads?: number },
): Capacity {
  const { workers, hashConcurrency, bcryptCost } = settings
  const { cores, concurrent, hashesPerSecond, hashMs, requestUs, lookupUs } = measured
  // Where the thread pool of this command is too small for all hashes, each core adds as many.
  const usable = Math.min(hashConcurrency * workers, cores)
  const readsPerSecondPerCore = 1_000_000 / (requestUs + lookupUs)
  const hashes = hashShare({}, workers, cores)
  const isLimited = workers === 1 && hashes > 1 && hashes >= threads
  const steps = Math.floor(Math.log2(TARGET_HASH_MS / hashMs))
  return {
    ...measured,
    ...settings,
    loginsPerSecond: rounded(hashesPerSecond * Math.max(1, usable / concurrent)),
    readsPerSecondPerCore: Math.round(readsPerSecondPerCore),
    readsPerSecond: Math.round(readsPerSecondPerCore * Math.min(workers, cores)),
    suggested: {
      BCRYPT_COST: Math.min(MAX_COST, Math.max(MIN_COST, bcryptCost + steps)),
      HASH_CONCURRENCY: hashes,
      ...(isLimited && { UV_THREADPOOL_SIZE: hashes + 1 }),
    },
  }
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100
}
