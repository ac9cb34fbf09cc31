export interface BatchLimits {
  /** How many keys one batch takes. */
  maxKeys: number
  /** How many batches run at the same time. */
  maxRunning: number
  /** How many keys may wait in all batches that have not started. */
  maxWaiting: number
  /** How long a key waits for its value, in ms. */
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

interface PendingValue<Value> {
  promise: Promise<Value | undefined>
  resolve(value: Value | undefined): void
  reject(error: unknown): void
}

/** Keys of one kind, each with the promise of its value. */
export class PendingKeys<Key, Value> {
  readonly #pending = new Map<Key, PendingValue<Value>>()

  get size(): number {
    return this.#pending.size
  }

  get keys(): Key[] {
    return [...this.#pending.keys()]
  }

  /** @returns the value's promise: one promise, however often the key is added */
  add(key: Key): Promise<Value | undefined> {
    let pending = this.#pending.get(key)
    if (!pending) {
      pending = createPendingValue()
      this.#pending.set(key, pending)
    }
    return pending.promise
  }

  resolve(key: Key, value: Value): void {
    this.#pending.get(key)?.resolve(value)
  }

  /** Resolves every key that has no value yet with undefined. */
  resolveMissing(): void {
    for (const { resolve } of this.#pending.values()) resolve(undefined)
  }

  reject(error: unknown): void {
    for (const { reject } of this.#pending.values()) reject(error)
  }
}

function createPendingValue<Value>(): PendingValue<Value> {
  const settle = {} as Omit<PendingValue<Value>, 'promise'> // both set by the next statement
  const promise = new Promise<Value | undefined>((resolve, reject) => {
    settle.resolve = resolve
    settle.reject = reject
  })
  return { promise, ...settle }
}

/** The keys of one batch, of all kinds. */
export interface BatchKeys {
  readonly size: number
  reject(error: unknown): void
}

/**
 * - `waiting`: in the queue; the last batch in the queue takes more keys
 * - `running`: its query runs; it takes no more keys
 * - `expired`: its deadline has passed and its keys are rejected
 */
type BatchState = 'waiting' | 'running' | 'expired'

interface Batch<Keys> {
  state: BatchState
  readonly keys: Keys
  readonly timer: NodeJS.Timeout
}

/**
 * Collects the keys of one iteration of the event loop into batches, and runs the batches in order.
 *
 * Nothing is kept: a key that arrives after its batch has started goes into the next one, so no
 * value is older than the request that reads it.
 */
export class BatchQueue<Keys extends BatchKeys> {
  readonly #limits: BatchLimits
  readonly #createKeys: () => Keys
  readonly #run: (keys: Keys) => Promise<void>
  readonly #waiting: Batch<Keys>[] = []
  #running = 0

  /**
   * @param createKeys makes an empty set of keys
   * @param run resolves the keys. If it rejects, all keys are rejected with its error. It must
   * settle at some time: until then it occupies one of `maxRunning`
   */
  constructor(limits: BatchLimits, createKeys: () => Keys, run: (keys: Keys) => Promise<void>) {
    this.#limits = limits
    this.#createKeys = createKeys
    this.#run = run
  }

  /**
   * @param add adds a key to the batch that takes keys now
   * @returns the promise that `add` returns. It rejects with LookupError if the queue is full
   */
  load<Value>(add: (keys: Keys) => Promise<Value>): Promise<Value> {
    const waiting = this.#waiting.reduce((sum, { keys }) => sum + keys.size, 0)
    if (waiting >= this.#limits.maxWaiting) {
      return Promise.reject(new LookupError('LOOKUP_QUEUE_FULL'))
    }
    const last = this.#waiting.at(-1)
    return add(last && last.keys.size < this.#limits.maxKeys ? last.keys : this.#enqueue())
  }

  #enqueue(): Keys {
    const batch: Batch<Keys> = {
      state: 'waiting',
      keys: this.#createKeys(),
      timer: setTimeout(() => this.#expire(batch), this.#limits.deadlineMs),
    }
    this.#waiting.push(batch)
    // Runs after this iteration has added its keys. Later ones add theirs while another batch runs.
    setImmediate(() => this.#startNext())
    return batch.keys
  }

  #expire(batch: Batch<Keys>): void {
    if (batch.state === 'waiting') this.#waiting.splice(this.#waiting.indexOf(batch), 1)
    batch.state = 'expired'
    batch.keys.reject(new LookupError('LOOKUP_TIMEOUT'))
  }

  #startNext(): void {
    if (this.#running >= this.#limits.maxRunning) return
    const batch = this.#waiting.shift()
    if (!batch) return
    batch.state = 'running'
    this.#running++
    this.#run(batch.keys)
      .catch((error) => batch.keys.reject(error))
      .finally(() => {
        clearTimeout(batch.timer)
        this.#running--
        this.#startNext()
      })
  }
}
