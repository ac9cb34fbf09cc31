import { performance } from 'node:perf_hooks'
import { OperationError } from '../../db/connections/errors.ts'
import { notify } from '../../db/notify.ts'
import { errors } from '../errors/errors.ts'

export interface HashQueueOptions {
  /** How many hashes run at the same time: the queue's slots. */
  concurrency: number
  /** How many hashes may wait for a slot. */
  maxWaiting: number
  /** How long a hash takes, in ms, as long as none has ended. */
  expectedMs: number
}

/** A hash is refused at once if it would probably wait longer for a slot, in ms. */
const MAX_ESTIMATE_MS = 1_500
/** A hash that waits is refused after this time, in ms: hashes took longer than estimated. */
const MAX_WAIT_MS = 2_500
/** The weight of the newest time in the mean, so that it follows a slower machine in ten hashes. */
const NEWEST_WEIGHT = 0.2

/** Called for each hash. What it throws becomes a warning of the process. Times are in ms. */
export interface HashObserver {
  onRefused?(): void
  /**
   * @param waitedMs for its slot
   * @param cause what the hash is for, such as a request
   * @returns what to call when the hash has ended
   */
  onStart(waitedMs: number, cause: object | undefined): (tookMs: number) => void
}

/** A place in the queue, kept from before the account is known until its hash is computed. */
export interface HashPlace {
  /** Gives the place up. It has no effect later on. */
  leave(): void
}

export interface HashRunOptions {
  /** Removes the hash from the queue. A hash that has started runs to its end. */
  signal?: AbortSignal | undefined
  /** Without it, the queue may be full. */
  place?: HashPlace | undefined
  /** What the hash is for, such as a request. Only observers read it. */
  cause?: object | undefined
}

/**
 * - `free`: a slot is free
 * - `busy`: all slots are taken; a hash waits for one
 * - `full`: no more hashes may wait, or they would wait too long
 */
type QueueState = 'free' | 'busy' | 'full'

/**
 * Runs password hashes: a few at the same time, in the order of arrival, so that any number of
 * them leaves the rest of the server a core.
 *
 * Rejects at once when the estimated wait, from recent hash times, exceeds MAX_ESTIMATE_MS.
 */
export class HashQueue {
  readonly concurrency: number
  readonly observers: HashObserver[] = []
  readonly #maxWaiting: number
  /** For each waiting hash, the function that gives it a slot. In the order of arrival. */
  readonly #waiting = new Set<() => void>()
  #running = 0
  readonly #places = new Set<HashPlace>()
  #meanMs: number

  constructor({ concurrency, maxWaiting, expectedMs }: HashQueueOptions) {
    this.concurrency = concurrency
    this.#maxWaiting = maxWaiting
    this.#meanMs = expectedMs
  }

  get load(): { running: number; waiting: number } {
    return { running: this.#running, waiting: this.#waiting.size }
  }

  get state(): QueueState {
    const ahead = this.#ahead
    if (ahead < 0) return 'free'
    const isFull = ahead >= this.#maxWaiting || this.#estimatedWaitMs > MAX_ESTIMATE_MS
    return isFull ? 'full' : 'busy'
  }

  /** How many hashes would wait before a new one. Negative if slots are free. */
  get #ahead(): number {
    return this.#running + this.#waiting.size + this.#places.size - this.concurrency
  }

  get #estimatedWaitMs(): number {
    return (Math.max(0, this.#ahead) * this.#meanMs) / this.concurrency
  }

  /**
   * Keeps a place for a hash, so that a request is refused before other work is done for it.
   *
   * @throws HASH_CAPACITY
   */
  reserve(): HashPlace {
    this.#assertCapacity()
    const place = { leave: () => void this.#places.delete(place) }
    this.#places.add(place)
    return place
  }

  /** @throws HASH_CAPACITY, with the estimated time until a slot is free */
  #assertCapacity(): void {
    if (this.state !== 'full') return
    this.#noteRefusal()
    throw new errors.HASH_CAPACITY().retryAfter(this.#estimatedWaitMs / 1_000)
  }

  /**
   * @param work computes the hash; its rejection is passed on
   * @throws HASH_CAPACITY, OperationError `CLIENT_GONE`
   */
  async run<T>(work: () => Promise<T>, { signal, place, cause }: HashRunOptions = {}): Promise<T> {
    if (place) place.leave()
    else this.#assertCapacity()
    if (signal?.aborted) throw new OperationError('CLIENT_GONE')
    const arrival = performance.now()
    if (this.#running < this.concurrency) this.#running++
    else await this.#waitForSlot(signal)
    const start = performance.now()
    const ends = this.observers.map((observer) =>
      notify(() => observer.onStart(start - arrival, cause)),
    )
    try {
      return await work()
    } finally {
      const tookMs = performance.now() - start
      this.#record(tookMs)
      for (const end of ends) notify(() => end?.(tookMs))
      this.#passSlotOn()
    }
  }

  /** Resolves with a slot. Rejects after MAX_WAIT_MS, or when the client is gone. */
  #waitForSlot(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const leaveWith = (finish: () => void) => () => {
        this.#waiting.delete(start)
        clearTimeout(timer)
        signal?.removeEventListener('abort', abandon)
        finish()
      }
      const start = leaveWith(resolve)
      const abandon = leaveWith(() => reject(new OperationError('CLIENT_GONE')))
      const timeOut = leaveWith(() => {
        this.#noteRefusal()
        reject(new errors.HASH_CAPACITY().retryAfter(this.#meanMs / 1_000))
      })
      const timer = setTimeout(timeOut, MAX_WAIT_MS)
      signal?.addEventListener('abort', abandon)
      this.#waiting.add(start)
    })
  }

  /** The first waiting hash gets the slot directly, so that a new arrival cannot take it. */
  #passSlotOn(): void {
    const [start] = this.#waiting
    if (start) start()
    else this.#running--
  }

  #noteRefusal(): void {
    for (const observer of this.observers) notify(() => observer.onRefused?.())
  }

  #record(tookMs: number): void {
    this.#meanMs += NEWEST_WEIGHT * (tookMs - this.#meanMs)
  }
}
