import { performance } from 'node:perf_hooks'
import { errors } from '../errors/errors.ts'

export interface HashLaneOptions {
  /** How many hashes are computed at once. */
  concurrency: number
  /** How many may wait for their turn. */
  maxWaiting: number
}

export type HashLane = ReturnType<typeof createHashLane>

/** How long a hash may wait for its turn. A client that waits longer has often given up. */
const MAX_WAIT_MS = 5_000
/** Of the newest time in the mean: the mean follows a machine that gets slower within ten hashes. */
const NEWEST_WEIGHT = 0.2

/** The client of what waited has gone: nobody is there to be answered. */
export class ClientGone extends Error {
  readonly code = 'CLIENT_GONE'
}

/**
 * The one way to the processor for password hashes: a few at once, in the order in which they
 * came, so that however many are wanted, the rest of the server keeps a core.
 *
 * Who wouldn't have their turn within MAX_WAIT_MS, by what hashes took lately, is refused at once
 * and not after that wait.
 */
export function createHashLane({ concurrency, maxWaiting }: HashLaneOptions) {
  /** Functions that begin what waits. */
  const waiting = new Set<() => void>()
  let running = 0
  let meanMs = 0

  /** @throws HASH_CAPACITY, with the time after which there is room again */
  function assertRoom(): void {
    if (running < concurrency) return
    const waitMs = (waiting.size * meanMs) / concurrency
    if (waiting.size >= maxWaiting || waitMs > MAX_WAIT_MS) {
      throw new errors.HASH_CAPACITY().retryAfter(waitMs / 1_000)
    }
  }

  function turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = (settle: () => void) => () => {
        waiting.delete(begin)
        clearTimeout(timer)
        signal?.removeEventListener('abort', hangUp)
        settle()
      }
      const begin = stop(resolve)
      const hangUp = stop(() => reject(new ClientGone('the client has hung up')))
      const timer = setTimeout(
        stop(() => reject(new errors.HASH_CAPACITY().retryAfter(meanMs / 1_000))),
        MAX_WAIT_MS,
      )
      signal?.addEventListener('abort', hangUp)
      waiting.add(begin)
    })
  }

  return {
    assertRoom,

    /** How many are computed, and how many wait. */
    get load() {
      return { running, waiting: waiting.size }
    },

    /**
     * @param work what hashes; its rejection is passed on
     * @param signal takes it out of the queue: once it has begun, it is seen through
     * @throws HASH_CAPACITY, ClientGone
     */
    async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
      assertRoom()
      if (signal?.aborted) throw new ClientGone('the client has hung up')
      if (running < concurrency) running++
      else await turn(signal) // who ends passes the place on, so that nobody overtakes
      const start = performance.now()
      try {
        return await work()
      } finally {
        const tookMs = performance.now() - start
        meanMs = meanMs === 0 ? tookMs : meanMs + NEWEST_WEIGHT * (tookMs - meanMs)
        const [next] = waiting
        if (next) next()
        else running--
      }
    },
  }
}
