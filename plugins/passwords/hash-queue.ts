import { performance } from 'node:perf_hooks'
import { errors } from '../errors/errors.ts'

export interface HashQueueOptions {
  /** How many hashes run at the same time: the queue's slots. */
  concurrency: number
  /** How many hashes may wait for a slot. */
  maxWaiting: number
}

/** How long a hash may wait for a slot, in ms. A client that waits longer has often given up. */
const MAX_WAIT_MS = 5_000
/** The weight of the newest time in the mean, so that it follows a slower machine in ten hashes. */
const NEWEST_WEIGHT = 0.2

/** The client closed its connection while its hash was waiting, so nobody reads the response. */
export class ClientGone extends Error {
  readonly code = 'CLIENT_GONE'
}

/** A hash in the queue. It leaves `waiting` once, for one of the other states. */
class Job {
  state: 'waiting' | 'started' | 'timed-out' | 'abandoned' = 'waiting'
  /** Resolves when the job has a slot. */
  readonly started: Promise<void>
  #resolve: () => void = () => undefined
  #reject: (error: Error) => void = () => undefined

  constructor() {
    this.started = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  start(): void {
    this.state = 'started'
    this.#resolve()
  }

  refuse(state: 'timed-out' | 'abandoned', error: Error): void {
    this.state = state
    this.#reject(error)
  }
}

/**
 * Runs password hashes: a few at the same time, in the order of arrival, so that any number of
 * them leaves the rest of the server a core.
 *
 * Rejects at once when the estimated wait, from recent hash times, exceeds MAX_WAIT_MS.
 */
export class HashQueue {
  readonly #concurrency: number
  readonly #maxWaiting: number
  readonly #waiting = new Set<Job>()
  #running = 0
  #meanMs = 0

  constructor({ concurrency, maxWaiting }: HashQueueOptions) {
    this.#concurrency = concurrency
    this.#maxWaiting = maxWaiting
  }

  get load(): { running: number; waiting: number } {
    return { running: this.#running, waiting: this.#waiting.size }
  }

  /** @throws HASH_CAPACITY, with the time until a slot is expected to be free */
  assertCapacity(): void {
    if (this.#running < this.#concurrency) return
    const waitMs = (this.#waiting.size * this.#meanMs) / this.#concurrency
    if (this.#waiting.size >= this.#maxWaiting || waitMs > MAX_WAIT_MS) {
      throw new errors.HASH_CAPACITY().retryAfter(waitMs / 1_000)
    }
  }

  /**
   * @param work computes the hash; its rejection is passed on
   * @param signal removes the job from the queue. A job that has started runs to its end
   * @throws HASH_CAPACITY, ClientGone
   */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    this.assertCapacity()
    if (signal?.aborted) throw clientGone()
    if (this.#running < this.#concurrency) this.#running++
    else await this.#waitForSlot(signal)
    const start = performance.now()
    try {
      return await work()
    } finally {
      this.#record(performance.now() - start)
      this.#passSlotOn()
    }
  }

  async #waitForSlot(signal: AbortSignal | undefined): Promise<void> {
    const job = new Job()
    const abandon = () => job.refuse('abandoned', clientGone())
    const timer = setTimeout(() => {
      job.refuse('timed-out', new errors.HASH_CAPACITY().retryAfter(this.#meanMs / 1_000))
    }, MAX_WAIT_MS)
    signal?.addEventListener('abort', abandon)
    this.#waiting.add(job)
    try {
      await job.started
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abandon)
      this.#waiting.delete(job)
    }
  }

  /** The slot goes to the first waiting job directly, so that a new arrival cannot take it. */
  #passSlotOn(): void {
    for (const job of this.#waiting) {
      if (job.state !== 'waiting') continue
      this.#waiting.delete(job)
      job.start()
      return
    }
    this.#running--
  }

  #record(tookMs: number): void {
    const mean = this.#meanMs
    this.#meanMs = mean === 0 ? tookMs : mean + NEWEST_WEIGHT * (tookMs - mean)
  }
}

function clientGone(): ClientGone {
  return new ClientGone('the client closed its connection')
}
