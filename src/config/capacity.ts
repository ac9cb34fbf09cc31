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
  { HASH_CONCURRENCY }: Config,
  count: number,
  cores = availableParallelism(),
): number {
  return HASH_CONCURRENCY ?? Math.max(1, Math.floor((cores - 1) / count))
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
  return Math.max(1, Math.min(hashShare(config, workerCount(config)), threadPoolSize() - 1))
}
