export interface BatchLimits {
  /** How many keys one question asks for at most. */
  maxKeys: number
  /** How many questions are under way at once at most; what comes meanwhile waits for the next. */
  maxAsking: number
  /** How many keys wait for their question at most. */
  maxWaiting: number
  /** How long a key waits for its answer at most, in ms. */
  deadlineMs: number
}

/** A lookup had no answer in time, or no place; the same one may have an answer later. */
export class LookupError extends Error {
  readonly code: 'LOOKUP_TIMEOUT' | 'LOOKUP_QUEUE_FULL'

  constructor(code: LookupError['code']) {
    super(code === 'LOOKUP_TIMEOUT' ? 'a lookup took too long' : 'too many lookups are waiting')
    this.code = code
  }
}

interface Waiter<Value> {
  answer: Promise<Value | undefined>
  resolve(value: Value | undefined): void
  reject(error: unknown): void
}

/** The keys of one question. */
interface Batch<Key, Value> {
  waiters: Map<Key, Waiter<Value>>
  timer: NodeJS.Timeout
}

/**
 * Gathers the keys that are asked for in one turn of the event loop, and asks for all at once.
 * Nothing is kept: a key that comes after its question has gone out goes into the next one, so no
 * answer is older than its request.
 *
 * @param ask is given each key once, and leaves those that aren't there out of its answer. It has
 * to settle, in whatever time
 * @param isShared tells whether a failure is that of all keys, such as a lost connection. After
 * any other each half is asked anew, so that what fails for one key fails for that one only
 * @returns a function that resolves with undefined for a key that isn't there, and rejects with
 * LookupError, or with what `ask` rejected with
 */
export function createBatch<Key, Value>(
  ask: (keys: Key[]) => Promise<Map<Key, Value>>,
  { maxKeys, maxAsking, maxWaiting, deadlineMs }: BatchLimits,
  isShared: (error: unknown) => boolean,
): (key: Key) => Promise<Value | undefined> {
  /** In the order in which they are asked; the last one still takes keys. */
  const queue: Batch<Key, Value>[] = []
  let waiting = 0
  let asking = 0

  function open(): Batch<Key, Value> {
    const batch = { waiters: new Map(), timer: setTimeout(() => expire(batch), deadlineMs) }
    queue.push(batch)
    // After this turn's other keys. Those of later turns join while the questions before last.
    setImmediate(askNext)
    return batch
  }

  function expire(batch: Batch<Key, Value>): void {
    const position = queue.indexOf(batch)
    if (position >= 0) remove(position)
    for (const { reject } of batch.waiters.values()) reject(new LookupError('LOOKUP_TIMEOUT'))
  }

  function remove(position: number): Batch<Key, Value> | undefined {
    const [batch] = queue.splice(position, 1)
    waiting -= batch?.waiters.size ?? 0
    return batch
  }

  function askNext(): void {
    if (asking >= maxAsking) return
    const batch = remove(0)
    if (!batch) return
    asking++
    answer([...batch.waiters]).finally(() => {
      clearTimeout(batch.timer)
      asking--
      askNext()
    })
  }

  async function answer(waiters: [Key, Waiter<Value>][]): Promise<void> {
    try {
      const found = await ask(waiters.map(([key]) => key))
      for (const [key, { resolve }] of waiters) resolve(found.get(key))
    } catch (error) {
      if (waiters.length === 1 || isShared(error)) {
        for (const [, { reject }] of waiters) reject(error)
        return
      }
      const half = Math.ceil(waiters.length / 2)
      await answer(waiters.slice(0, half))
      await answer(waiters.slice(half))
    }
  }

  return (key) => {
    const last = queue.at(-1)
    const known = last?.waiters.get(key)
    if (known) return known.answer
    if (waiting >= maxWaiting) return Promise.reject(new LookupError('LOOKUP_QUEUE_FULL'))
    const batch = last && last.waiters.size < maxKeys ? last : open()
    const waiter = createWaiter<Value>()
    batch.waiters.set(key, waiter)
    waiting++
    return waiter.answer
  }
}

function createWaiter<Value>(): Waiter<Value> {
  const settle = {} as Omit<Waiter<Value>, 'answer'> // both set before the next line ends
  const answer = new Promise<Value | undefined>((resolve, reject) => {
    settle.resolve = resolve
    settle.reject = reject
  })
  return { answer, ...settle }
}
