import { availableParallelism } from 'node:os'
import { type Config, threadPoolSize } from './config.ts'

/** @returns how many processes are to serve */
export function workerCount({ WORKERS }: Config, cores = availableParallelism()): number {
  return WORKERS === 'auto' ? cores : Number(WORKERS)
}

/**
 * @param count of processes
 * @returns how many hashes each of them computes at once: all together as many as leave the event
 * loops a core, where nothing else is asked for
 */
export function hashShare(
  { HASH_CONCURRENCY }: Config,
  count: number,
  cores = availableParallelism(),
): number {
  return HASH_CONCURRENCY ?? Math.max(1, Math.floor((cores - 1) / count))
}

/** @returns the size of a thread pool in which so many hashes leave a thread to names and files */
export function threadsFor(hashes: number): number {
  return Math.max(threadPoolSize(), hashes + 1)
}

/**
 * @returns how many hashes this process computes at once: its share, as far as the thread pool
 * allows, whose size Node settles before any of our code runs
 */
export function hashConcurrency(config: Config): number {
  return Math.max(1, Math.min(hashShare(config, workerCount(config)), threadPoolSize() - 1))
}
