import { connect, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { drizzle, type MySqlRemoteDatabase, type RemoteCallback } from 'drizzle-orm/mysql-proxy'
import { createConnection, type QueryOptions, type TypeCast } from 'mysql2'
import type {
  FieldPacket,
  Connection as PromisedConnection,
  QueryResult,
  RowDataPacket,
} from 'mysql2/promise'
import { type Engine, readEngine } from './engine.ts'
import { isRefusal, OperationError } from './errors.ts'

/** Runs queries by Drizzle's builder: on any connection, or on the connection of a transaction. */
export type Queryable = MySqlRemoteDatabase

/** How long closing may take before the socket is destroyed. */
const END_TIMEOUT_MS = 500
/** The first probe of an idle connection by TCP. */
const KEEP_ALIVE_AFTER_MS = 30_000
/** Short, so that a lock that is not released fails within the time limit of a request. */
export const LOCK_WAIT_TIMEOUT_S = 1

/** The queries rely on these; the servers' defaults differ. */
const SESSION_SETTINGS = [
  `SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00',
    innodb_lock_wait_timeout = ${LOCK_WAIT_TIMEOUT_S}`,
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
]

/**
 * Whether sessions wait for what was committed on other servers of the database:
 *
 * - `auto`: if the engine has several servers and can wait. A server that has left them is refused
 * - `wait`: the same, and a server of any other engine is refused
 * - `none`: never
 */
export type Consistency = 'auto' | 'wait' | 'none'

interface OpenOptions {
  /** For the connection, the handshake and the settings together. */
  timeoutMs: number
  /** The place of its server in the list of servers. */
  rank: number
  consistency: Consistency
}

/**
 * Connects, and sets what the queries rely on.
 *
 * @param url `mysql://user:password@host:port/database`; a `socketPath` parameter names a socket
 * @throws the error of the server or of the socket, or OperationError `DATABASE_TIMEOUT` or
 *   `STALE_READS`
 */
export async function openConnection(
  url: string,
  { timeoutMs, rank, consistency }: OpenOptions,
): Promise<DatabaseConnection> {
  const connection = new DatabaseConnection(url, rank)
  const timer = setTimeout(() => connection.destroy('DATABASE_TIMEOUT'), timeoutMs)
  try {
    for (const sql of SESSION_SETTINGS) await connection.query({ sql })
    const engine = await readEngine(async (sql) => {
      const [rows] = await connection.query<RowDataPacket[]>({ sql })
      return rows
    })
    if (engine.settings) await connection.query({ sql: engine.settings })
    const wait = consistency === 'none' ? undefined : engine.waitStatement
    if (!engine.readsAll && (wait !== undefined || consistency === 'wait')) {
      throw new OperationError('STALE_READS')
    }
    if (wait !== undefined) await connection.query({ sql: wait })
    connection.start(engine)
    return connection
  } catch (error) {
    connection.destroy('CONNECTION_LOST')
    throw error
  } finally {
    clearTimeout(timer)
  }
}

/** A connection to the database that can be given up at any time. */
export class DatabaseConnection {
  readonly #socket: Socket
  readonly #client: PromisedConnection
  /** Why the connection can run no more queries. */
  #lost: OperationError | undefined
  #isDestroyed = false
  #sentAt: number | undefined
  #hasServed = false
  #engine: Engine | undefined
  #isRefused = false
  #onLost: () => void = () => undefined
  /** The place of its server in the list of servers. */
  readonly rank: number
  /** Drizzle on this connection. */
  readonly queries: Queryable

  /** Runs a query of Drizzle: returns rows as arrays for `all`, otherwise the driver's own result. */
  readonly run: RemoteCallback = async (sql, values, method) => {
    const isRows = method === 'all'
    const result = await this.query({ sql, rowsAsArray: isRows, typeCast }, values)
    return { rows: isRows && Array.isArray(result[0]) ? result[0] : result }
  }

  constructor(url: string, rank: number) {
    this.rank = rank
    let socket: Socket | undefined
    const client = createConnection({
      uri: url,
      charset: 'utf8mb4',
      connectTimeout: 0, // `openConnection` has its own limit
      trace: false, // the driver's stack traces cost more than a query of one row
      stream: ({ config }: { config: { socketPath?: string; host: string; port: number } }) => {
        const { socketPath, host, port } = config
        socket = socketPath ? connect(socketPath) : connect({ host, port, noDelay: true })
        return socket.setKeepAlive(true, KEEP_ALIVE_AFTER_MS)
      },
    })
    if (!socket) throw new Error('the driver did not open a socket')
    this.#socket = socket
    this.#client = client.promise()
    const lose = () => {
      this.#lost ??= new OperationError('CONNECTION_LOST')
      this.#onLost()
    }
    client.on('error', lose)
    client.on('end', lose)
    socket.on('close', lose)
    this.queries = drizzle(this.run)
  }

  /** Whether the connection can run no more queries. */
  get isLost(): boolean {
    return this.#lost !== undefined
  }

  /** @throws OperationError with the reason of `destroy`, or `CONNECTION_LOST` */
  throwIfLost(): void {
    if (this.#lost) throw this.#lost
  }

  /** Whether the server has answered a query besides the session's settings. */
  get hasServed(): boolean {
    return this.#hasServed
  }

  /** What the server was when the connection was opened. */
  get engine(): Engine {
    if (!this.#engine) throw new Error('the connection is not ready')
    return this.#engine
  }

  /** Whether the server has refused a statement because it takes no changes now, or none at all. */
  get isRefused(): boolean {
    return this.#isRefused
  }

  /** Call it when the session's settings are made. */
  start(engine: Engine): void {
    this.#engine = engine
  }

  /** How long the current query has waited for its answer, in ms; 0 if there is none. */
  get silentMs(): number {
    return this.#sentAt === undefined ? 0 : performance.now() - this.#sentAt
  }

  onLost(listener: () => void): void {
    this.#onLost = listener
  }

  /** @throws the error of the server or of the socket, or OperationError with the reason of `destroy` */
  async query<Result extends QueryResult>(
    options: QueryOptions,
    values?: unknown[],
  ): Promise<[Result, FieldPacket[]]> {
    this.throwIfLost()
    this.#sentAt = performance.now()
    try {
      return await this.#client.query<Result>(options, values)
    } catch (error) {
      this.#isRefused ||= isRefusal(error)
      throw this.#isDestroyed ? this.#lost : error
    } finally {
      this.#sentAt = undefined
      this.#hasServed ||= this.#engine !== undefined && !this.#lost
    }
  }

  /** Closes the socket at once. A query that waits for its answer rejects with the reason. */
  destroy(reason: OperationError['code']): void {
    if (this.#isDestroyed) return
    this.#isDestroyed = true
    this.#lost = new OperationError(reason)
    this.#socket.destroy(this.#lost)
  }

  /** Closes the connection as the protocol wants it, or at once if the server is silent. */
  async end(): Promise<void> {
    this.#lost ??= new OperationError('POOL_CLOSED')
    if (this.#socket.destroyed) return
    const timer = setTimeout(() => this.#socket.destroy(), END_TIMEOUT_MS)
    const closed = new Promise((resolve) => this.#socket.once('close', resolve))
    // The driver resolves as soon as it has sent its last packet.
    await this.#client.end().catch(() => this.#socket.destroy())
    await closed
    clearTimeout(timer)
  }
}

/** Drizzle parses timestamps itself. */
const typeCast: TypeCast = (field, next) =>
  field.type === 'DATETIME' || field.type === 'TIMESTAMP' || field.type === 'DATE'
    ? field.string()
    : next()
