import { drizzle } from 'drizzle-orm/mysql-proxy'
import type { RowDataPacket } from 'mysql2'
import { useWithRetries } from './conflicts.ts'
import type { Consistency, DatabaseConnection, Queryable } from './connections/connection.ts'
import type { Engine } from './connections/engine.ts'
import { ConnectionPool } from './connections/pool.ts'
import { Servers } from './connections/servers.ts'
import { TimeLimit } from './connections/time-limit.ts'
import type { DatabaseObserver } from './observer.ts'

export type { Consistency, Queryable } from './connections/connection.ts'
export type { Engine } from './connections/engine.ts'
export { Servers } from './connections/servers.ts'

interface View {
  readonly pool: ConnectionPool
  /** One for all views of a pool. */
  readonly observer: DatabaseObserver
  /** For an operation, in ms. */
  readonly timeoutMs: number
  /** @returns the limit of the next operation */
  readonly nextLimit: () => TimeLimit
  /** Aborts when nobody waits for the result any more. */
  readonly signal?: AbortSignal | undefined
  /** The open transaction that every query and `transaction` of this view takes part in. */
  readonly open?: Queryable
}

/** Runs each query on any connection of its pool. `transaction` runs several on one. */
export type Database = Queryable & View

/** For commands, whose statements write thousands of rows. */
const COMMAND_TIMEOUT_MS = 60_000

export interface DatabaseOptions {
  /** How many connections there may be at the same time. */
  connections: number
  /** For each operation, in ms. */
  timeoutMs?: number
  /** For servers that are given by their URL. */
  consistency?: Consistency | undefined
}

/**
 * Creates a pool. It connects at the first query.
 *
 * @param servers or their URL: `mysql://user:password@host:port/database`, also with several
 *   `host:port` between commas; a `socketPath` parameter names a socket
 */
export function openDatabase(
  servers: Servers | string,
  { connections, timeoutMs = COMMAND_TIMEOUT_MS, consistency = 'auto' }: DatabaseOptions,
): Database {
  const list = typeof servers === 'string' ? new Servers(servers, { consistency }) : servers
  const pool = new ConnectionPool(list, connections)
  return viewOf({ pool, observer: {}, timeoutMs, nextLimit: () => new TimeLimit(timeoutMs) })
}

export async function closeDatabase({ pool }: Database): Promise<void> {
  await pool.close()
}

/**
 * @param signal aborts when the client of a request closes its connection. A transaction is then
 *   rolled back
 * @returns a view of the database for one request: its operations share one limit
 */
export function forRequest({ pool, observer, timeoutMs }: Database, signal: AbortSignal): Database {
  const limit = new TimeLimit(timeoutMs)
  return viewOf({ pool, observer, timeoutMs, nextLimit: () => limit, signal })
}

/** @param timeoutMs for each operation, if the database's own limit isn't shorter */
export function withTimeout(db: Database, timeoutMs: number): Database {
  const { pool, observer, timeoutMs: longest } = db
  const limitMs = Math.min(timeoutMs, longest)
  return viewOf({ pool, observer, timeoutMs: limitMs, nextLimit: () => new TimeLimit(limitMs) })
}

/** @returns a view with the same limit, whose transactions are committed even if the client is gone */
export function withoutSignal({ pool, observer, timeoutMs, nextLimit }: Database): Database {
  return viewOf({ pool, observer, timeoutMs, nextLimit })
}

/** @returns a view for the time of a transaction on this connection: all that it runs takes part in it */
export function joined(
  { pool, observer, timeoutMs, nextLimit, signal }: Database,
  { run, queries: open }: DatabaseConnection,
): Database {
  return Object.assign(drizzle(run), { pool, observer, timeoutMs, nextLimit, signal, open })
}

function viewOf(view: View): Database {
  const queries = drizzle((sql, params, method) =>
    useWithRetries(view.pool, view.nextLimit(), (connection) =>
      connection.run(sql, params, method),
    ),
  )
  return Object.assign(queries, view)
}

/**
 * Reads without Drizzle, whose mapping costs more than the query.
 *
 * @param sql a query with one column of text
 */
export async function readColumn(db: Database, sql: string): Promise<string[]> {
  const [rows] = await useWithRetries(db.pool, db.nextLimit(), (connection) =>
    connection.query<RowDataPacket[]>({ sql, rowsAsArray: true }),
  )
  return rows.map((row) => row[0])
}

/** @returns what the connected server is */
export function engineOf(db: Database): Promise<Engine> {
  return db.pool.use(db.nextLimit(), async ({ engine }) => engine)
}

/**
 * Runs work on one connection, which is closed afterwards: that ends what the
 * work has set for the session. The time limit applies to each query.
 */
export function onOneConnection<T>(
  db: Database,
  work: (connection: Queryable) => Promise<T>,
): Promise<T> {
  return db.pool.use(new TimeLimit(Number.POSITIVE_INFINITY), async (connection) => {
    const queries = drizzle(async (sql, params, method) => {
      const stopClock = db.nextLimit().start(() => connection.destroy('DATABASE_TIMEOUT'))
      try {
        return await connection.run(sql, params, method)
      } finally {
        stopClock()
      }
    })
    try {
      return await work(queries)
    } finally {
      await connection.end()
    }
  })
}

/** @throws Error if there is no row: the caller has just written or locked it */
export function onlyRow<Row>([row]: Row[]): Row {
  if (row === undefined) throw new Error('a row that this transaction holds is missing')
  return row
}

/** @returns the only number of a raw query's result; Drizzle does not type raw rows */
export function firstNumber(rows: unknown): number {
  return Number(firstValue(rows))
}

/** @returns the only text of a raw query's result */
export function firstText(rows: unknown): string {
  return String(firstValue(rows))
}

function firstValue(rows: unknown): unknown {
  const row: unknown = Array.isArray(rows) ? rows[0] : undefined
  return row && typeof row === 'object' ? Object.values(row)[0] : undefined
}
