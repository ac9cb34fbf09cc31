import { type DatabaseConnection, LOCK_WAIT_TIMEOUT_S } from './connection.ts'
import { OperationError } from './errors.ts'
import type { Servers } from './servers.ts'
import type { TimeLimit } from './time-limit.ts'

/** For a new connection, with the handshake and the session's settings. */
const OPEN_TIMEOUT_MS = 1_500
/**
 * After a failed attempt to connect, which tries each host of the list once. The three pools of a
 * process then try a host at most three times a second, and three times in two seconds later.
 */
const FIRST_RETRY_MS = 1_000
const LONGEST_RETRY_MS = 2_000
const RETRY_GROWTH = 1.4
/** The share of a delay that is random, so that instances don't retry together. */
const JITTER = 0.25
const MAX_WAITING = 1_000
/** A server that takes this long for an answer counts as silent. A wait for a lock is shorter. */
const SILENT_AFTER_MS = LOCK_WAIT_TIMEOUT_S * 1_000 + 500

interface Waiter {
  resolve(connection: DatabaseConnection): void
  reject(error: unknown): void
}

/**
 * - `ready`: a connection can be opened
 * - `opening`: one is being opened
 * - `failing`: the last attempt failed, or its connection was lost before it served a query; one
 *   attempt at a time is repeated in the background
 * - `closed`
 */
type OpenerState = 'ready' | 'opening' | 'failing' | 'closed'

/**
 * Connections to the database. The driver's own pool waits without a limit, for a free connection
 * and for a new one, and each waiting operation opens a connection. This pool opens one at a time.
 * While that fails and no connection is left, operations are refused at once.
 */
export class ConnectionPool {
  readonly #servers: Servers
  /** How many connections there may be at the same time. */
  readonly size: number
  /** The most recently used one is last, and is used first. */
  readonly #idle: DatabaseConnection[] = []
  readonly #busy = new Set<DatabaseConnection>()
  /** In the order of arrival. */
  readonly #waiting = new Set<Waiter>()
  #opener: OpenerState = 'ready'
  #failure: unknown
  /** Attempts that failed in a row. */
  #failures = 0
  #retry: NodeJS.Timeout | undefined
  #onDrained: (() => void) | undefined

  /** @param size how many connections there may be at the same time */
  constructor(servers: Servers, size: number) {
    this.#servers = servers
    this.size = size
  }

  /** Whether another server may do what one has refused. */
  get hasOtherServers(): boolean {
    return this.#servers.size > 1
  }

  get load(): { busy: number; idle: number; waiting: number } {
    return { busy: this.#busy.size, idle: this.#idle.length, waiting: this.#waiting.size }
  }

  /**
   * Runs work on a connection of its own. When the limit passes, the connection is destroyed, and
   * the current or the next query of the work rejects. What it has committed stays committed.
   *
   * @param work must leave the connection without an open transaction
   * @throws OperationError, or what connecting or the work throws
   */
  async use<T>(limit: TimeLimit, work: (connection: DatabaseConnection) => Promise<T>): Promise<T> {
    if (limit.isOver) throw new OperationError('DATABASE_TIMEOUT')
    let onExpiry: () => void = () => undefined
    const stopClock = limit.start(() => onExpiry())
    try {
      const connection = await this.#acquire((expire) => {
        onExpiry = expire
      })
      onExpiry = () => this.#giveUp(connection)
      try {
        return await work(connection)
      } finally {
        this.#release(connection)
      }
    } finally {
      stopClock()
    }
  }

  /** Refuses new operations, and closes each connection once its operation has ended. */
  async close(): Promise<void> {
    this.#opener = 'closed'
    clearTimeout(this.#retry)
    this.#rejectWaiting(new OperationError('POOL_CLOSED'))
    await Promise.all(this.#idle.splice(0).map((connection) => connection.end()))
    if (this.#busy.size === 0) return
    await new Promise<void>((resolve) => {
      this.#onDrained = resolve
    })
  }

  /** @param onWait receives the function that ends the wait with a timeout */
  #acquire(onWait: (expire: () => void) => void): Promise<DatabaseConnection> {
    if (this.#opener === 'closed') return Promise.reject(new OperationError('POOL_CLOSED'))
    for (let idle = this.#idle.pop(); idle; idle = this.#idle.pop()) {
      if (this.#servers.isOutdated(idle)) {
        idle.end()
        continue
      }
      this.#busy.add(idle)
      return Promise.resolve(idle)
    }
    if (this.#hasNone()) return Promise.reject(this.#failure)
    if (this.#waiting.size >= MAX_WAITING) {
      return Promise.reject(new OperationError('POOL_QUEUE_FULL'))
    }
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject }
      this.#waiting.add(waiter)
      onWait(() => {
        if (this.#waiting.delete(waiter)) reject(new OperationError('DATABASE_TIMEOUT'))
      })
      this.#openForWaiting()
    })
  }

  /** Passes the connection on. One that is handed to a waiter stays busy. */
  #release(connection: DatabaseConnection): void {
    if (connection.hasServed) this.#failures = 0
    if (connection.isRefused) this.#servers.refused(connection)
    if (this.#servers.isOutdated(connection)) connection.end()
    if (!connection.isLost && this.#opener !== 'closed') {
      const [waiter] = this.#waiting
      if (waiter) {
        this.#waiting.delete(waiter)
        waiter.resolve(connection)
        return
      }
      this.#busy.delete(connection)
      this.#idle.push(connection)
      return
    }
    this.#busy.delete(connection)
    if (this.#opener === 'ready' && !connection.hasServed) {
      this.#retryLater(new OperationError('CONNECTION_LOST'))
    } else if (this.#opener !== 'closed') this.#replaceLost()
    else {
      connection.end().then(() => {
        if (this.#busy.size === 0) this.#onDrained?.()
      })
    }
  }

  /**
   * If the server is silent, the idle connections are probably dead too: the next operation would
   * find that out only by its own timeout.
   */
  #giveUp(connection: DatabaseConnection): void {
    connection.destroy('DATABASE_TIMEOUT')
    if (connection.silentMs < SILENT_AFTER_MS) return
    for (const idle of this.#idle.splice(0)) idle.destroy('DATABASE_TIMEOUT')
  }

  /** Opens a connection if an operation waits for one and there may be another. */
  #openForWaiting(): void {
    const isFull = this.#idle.length + this.#busy.size >= this.size
    if (this.#opener !== 'ready' || this.#waiting.size === 0 || isFull) return
    this.#opener = 'opening'
    this.#open()
  }

  async #open(): Promise<void> {
    try {
      const connection = await this.#servers.open(OPEN_TIMEOUT_MS)
      if (this.#opener === 'closed') return connection.destroy('POOL_CLOSED')
      connection.onLost(() => this.#removeIdle(connection))
      this.#opener = 'ready'
      this.#busy.add(connection)
      this.#release(connection)
      this.#openForWaiting()
    } catch (error) {
      if (this.#opener !== 'closed') this.#retryLater(error)
    }
  }

  #retryLater(failure: unknown): void {
    this.#opener = 'failing'
    this.#failure = failure
    this.#replaceLost()
    const growth = RETRY_GROWTH ** this.#failures++
    const delayMs = Math.min(FIRST_RETRY_MS * growth, LONGEST_RETRY_MS)
    this.#retry = setTimeout(() => this.#open(), delayMs * (1 + JITTER * Math.random())).unref()
  }

  #removeIdle(connection: DatabaseConnection): void {
    const index = this.#idle.indexOf(connection)
    if (index === -1) return // its operation releases it
    this.#idle.splice(index, 1)
    this.#replaceLost()
  }

  #replaceLost(): void {
    if (this.#hasNone()) this.#rejectWaiting(this.#failure)
    else this.#openForWaiting()
  }

  /** Whether there is no connection, and none can be opened. */
  #hasNone(): boolean {
    return this.#opener === 'failing' && this.#idle.length + this.#busy.size === 0
  }

  #rejectWaiting(error: unknown): void {
    const all = [...this.#waiting]
    this.#waiting.clear()
    for (const { reject } of all) reject(error)
  }
}
