import type { Connection, Exchange } from './connection.ts'

/** The pipelined requests of one connection that are processed at the same time. */
const MAX_RUNNING = 8
/** The pipelined requests of one connection that wait. */
const MAX_HELD = 100
/** The pipelined requests of one connection that may be dropped. Each takes about 3 KB. */
const MAX_DROPPED = 400
/** While more of them wait in all, a connection is not read until its own have started. */
const MAX_HELD_IN_ALL = 1_000
/** The pipelined requests of all connections that start in one iteration of the event loop. */
const MAX_STARTED = 32

/**
 * Spreads pipelined requests (RFC 9112 9.3.2) over iterations of the event loop. Node parses a
 * whole chunk of 64 KiB at once, which can hold a thousand requests: all other connections would
 * wait until each of them is dispatched.
 *
 * Connections take turns. Responses stay in order, because Node orders them.
 */
export class Pipeline {
  readonly #dispatch: (exchange: Exchange) => void
  readonly #onExcess: () => void
  readonly #onDrained: (connection: Connection) => void
  #heldInAll = 0
  #queue: Connection[] = []
  #isScheduled = false

  /**
   * @param onExcess called when a connection has more requests than may wait
   * @param onDrained called with a paused connection whose requests have all started
   */
  constructor(
    dispatch: (exchange: Exchange) => void,
    onExcess: () => void,
    onDrained: (connection: Connection) => void,
  ) {
    this.#dispatch = dispatch
    this.#onExcess = onExcess
    this.#onDrained = onDrained
  }

  /** Takes a request that follows another one whose response is not yet sent. */
  hold(connection: Connection, exchange: Exchange): void {
    const { held } = connection
    const last = held[MAX_HELD - 1]
    if (last) {
      connection.endAfter(last.response)
      this.#onExcess()
      this.drop(connection)
    } else {
      connection.begin(exchange.response)
      held.push(exchange)
      if (++this.#heldInAll > MAX_HELD_IN_ALL && !connection.isPaused) {
        connection.isPaused = true
        // After the chunk: Node resumes a connection after each request that it has parsed.
        process.nextTick(() => connection.socket.pause())
      }
      this.#enqueue(connection)
    }
  }

  /**
   * Leaves a request without a response. Its connection closes after an earlier one. It is read on
   * until then: a close with unread bytes would reset the connection (RFC 9112 9.6).
   */
  drop(connection: Connection): void {
    if (++connection.dropped > MAX_DROPPED) connection.socket.destroy()
  }

  #enqueue(connection: Connection): void {
    const { isQueued, held, running } = connection
    if (isQueued || held.length === 0 || running >= MAX_RUNNING) return
    connection.isQueued = true
    this.#queue.push(connection)
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(this.#run)
  }

  readonly #run = (): void => {
    this.#isScheduled = false
    for (const connection of this.#queue.splice(0, MAX_STARTED)) {
      connection.isQueued = false
      this.#start(connection)
      this.#enqueue(connection)
    }
    if (this.#queue.length === 0 || this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(this.#run)
  }

  #start(connection: Connection): void {
    const { held, socket } = connection
    if (socket.destroyed) {
      this.#heldInAll -= held.length
      held.length = 0
      return
    }
    const exchange = held.shift()
    if (!exchange) return
    this.#heldInAll--
    if (connection.isPaused && held.length === 0) {
      connection.isPaused = false
      this.#onDrained(connection)
    }
    connection.running++
    exchange.response.once('close', () => {
      connection.running--
      this.#enqueue(connection)
    })
    this.#dispatch(exchange)
  }
}
