import { availableParallelism } from 'node:os'
import { type Config, threadPoolSize } from './config.ts'

/** @returns the number of processes that serve */
export function workerCount({ WORKERS }: Config, cores = availableParallelism()): number {
  return WORKERS === 'auto' ? cores : Number(WORKERS)
}

/**
 * @param count the number of processes
 * @returns how many hashes each process computes at once. By default all processes together use
 *   one core less than there are, which stays free for the event loops
 */
export function hashShare(
  { HASH_CONCURRENCY }: Pick<Config, 'HASH_CONCURRENCY'>,
  count: number,
  cores = availableParallelism(),
): number {
  return HASH_CONCURRENCY ?? Math.max(1, Math.floor((cores - 1) / count))
}

/**
 * The primary process starts its workers with a thread pool that is large enough. A server of one
 * process has the pool that it was started with.
 *
 * @param cores of the machine of the server
 * @param threads of the pool that one process is started with
 * @returns how many hashes each process of the server computes at once
 */
export function hashesPerProcess(
  config: Config,
  cores = availableParallelism(),
  threads = threadPoolSize(),
): number {
  const count = workerCount(config, cores)
  const share = hashShare(config, count, cores)
  return count === 1 ? limitByPool(share, threads) : share
}

/** @returns the size of a thread pool that keeps a thread free for DNS and files */
export function threadsFor(hashes: number): number {
  return Math.max(threadPoolSize(), hashes + 1)
}

/**
 * @returns how many hashes this process computes at once: its share, limited by the thread pool,
 *   whose size is fixed before our code runs
 */
export function hashConcurrency(config: Config): number {
  return limitByPool(hashShare(config, workerCount(config)), threadPoolSize())
}

/** Keeps a thread free for DNS and files. */
function limitByPool(hashes: number, threads: number): number {
  return Math.max(1, Math.min(hashes, threads - 1))
}
