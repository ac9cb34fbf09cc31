import { performance } from 'node:perf_hooks'
import { notify } from '../notify.ts'

export interface BatchLimits {
  /** A batch accepts no more lookups once their total weight reaches this. */
  maxSize: number
  /** How many batches run at the same time. */
  maxRunning: number
  /** How many lookups may wait in all batches that have not started. */
  maxWaiting: number
  /** How long a lookup waits for its result, in ms. */
  deadlineMs: number
}

/** A lookup got no answer in time, or found the queue full. A later try may succeed. */
export class LookupError extends Error {
  readonly code: 'LOOKUP_TIMEOUT' | 'LOOKUP_QUEUE_FULL'

  constructor(code: LookupError['code']) {
    super(code === 'LOOKUP_TIMEOUT' ? 'a lookup took too long' : 'too many lookups are waiting')
    this.code = code
  }
}

/**
 * Called when the query of a batch starts. What it throws becomes a warning of the process. Times are
 * in ms.
 *
 * @param lookups of the batch, each with what caused it
 * @param waitedMs since the first lookup of the batch arrived
 * @returns what to call when the query has ended, with its error if it failed
 */
export type BatchObserver = (
  lookups: readonly { readonly cause: object | undefined }[],
  waitedMs: number,
) => (tookMs: number, error?: unknown) => void

/** One lookup, with the functions that resolve and reject its promise. */
export interface Pending<Key, Result> {
  readonly key: Key
  /** Such as a request. Only observers read it. */
  readonly cause: object | undefined
  resolve(result: Result): void
  reject(error: unknown): void
}

/**
 * - `waiting`: in the queue; the last batch in the queue takes more lookups
 * - `running`: its query runs; it takes no more lookups
 * - `expired`: its deadline has passed and its lookups are rejected
 */
type BatchState = 'waiting' | 'running' | 'expired'

interface Batch<Key, Result> {
  state: BatchState
  readonly lookups: Pending<Key, Result>[]
  /** The sum of the weights of its lookups. */
  weight: number
  readonly timer: NodeJS.Timeout
  /** Since `performance.timeOrigin`, in ms; 0 if nobody observes. */
  readonly createdAt: number
}

/**
 * Collects the lookups of one iteration of the event loop into batches, and runs the batches in order.
 *
 * Nothing is kept: a lookup that arrives after its batch has started goes into the next one, so no
 * result is older than the request that reads it.
 */
export class BatchQueue<Key, Result> {
  readonly #limits: BatchLimits
  readonly #run: (lookups: readonly Pending<Key, Result>[]) => Promise<void>
  readonly #weightOf: (key: Key) => number
  readonly #queue: Batch<Key, Result>[] = []
  readonly observers: BatchObserver[] = []
  #waitingLookups = 0
  #runningBatches = 0

  /**
   * @param run resolves the lookups. If it rejects, all lookups are rejected with its error. It must
   * resolve or reject: until then it occupies one of `maxRunning`
   * @param weightOf returns the weight of a lookup; 1 by default
   */
  constructor(
    limits: BatchLimits,
    run: (lookups: readonly Pending<Key, Result>[]) => Promise<void>,
    weightOf: (key: Key) => number = () => 1,
  ) {
    this.#limits = limits
    this.#run = run
    this.#weightOf = weightOf
  }

  /** How many lookups wait in batches that have not started. */
  get waiting(): number {
    return this.#waitingLookups
  }

  /**
   * @param cause what the lookup is for, such as a request; passed to the observers
   * @throws LookupError, or what the run of the batch throws
   */
  load(key: Key, cause?: object): Promise<Result> {
    if (this.#waitingLookups >= this.#limits.maxWaiting) {
      return Promise.reject(new LookupError('LOOKUP_QUEUE_FULL'))
    }
    const last = this.#queue.at(-1)
    const batch = last && last.weight < this.#limits.maxSize ? last : this.#enqueue()
    const weight = this.#weightOf(key)
    batch.weight += weight
    this.#waitingLookups += weight
    return new Promise((resolve, reject) => {
      batch.lookups.push({ key, cause, resolve, reject })
    })
  }

  #enqueue(): Batch<Key, Result> {
    const batch: Batch<Key, Result> = {
      state: 'waiting',
      lookups: [],
      weight: 0,
      timer: setTimeout(() => this.#expire(batch), this.#limits.deadlineMs),
      createdAt: this.#now(),
    }
    this.#queue.push(batch)
    // Runs after this iteration has added its lookups. Later ones are added while another batch runs.
    setImmediate(() => this.#startNext())
    return batch
  }

  #expire(batch: Batch<Key, Result>): void {
    if (batch.state === 'waiting') {
      this.#queue.splice(this.#queue.indexOf(batch), 1)
      this.#waitingLookups -= batch.weight
    }
    batch.state = 'expired'
    rejectAll(batch.lookups, new LookupError('LOOKUP_TIMEOUT'))
  }

  #startNext(): void {
    if (this.#runningBatches >= this.#limits.maxRunning) return
    const batch = this.#queue.shift()
    if (!batch) return
    batch.state = 'running'
    this.#waitingLookups -= batch.weight
    this.#runningBatches++
    const startedAt = this.#now()
    const ends = this.observers.map((start) =>
      notify(() => start(batch.lookups, startedAt - batch.createdAt)),
    )
    let failure: unknown
    this.#run(batch.lookups)
      .catch((error) => {
        failure = error
        rejectAll(batch.lookups, error)
      })
      .finally(() => {
        clearTimeout(batch.timer)
        const tookMs = performance.now() - startedAt
        for (const end of ends) notify(() => end?.(tookMs, failure))
        this.#runningBatches--
        this.#startNext()
      })
  }

  /** Since `performance.timeOrigin`, in ms; 0 if nobody observes. */
  #now(): number {
    return this.observers.length === 0 ? 0 : performance.now()
  }
}

function rejectAll(lookups: readonly Pending<unknown, never>[], error: unknown): void {
  for (const { reject } of lookups) reject(error)
}
