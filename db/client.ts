import { drizzle, type MySql2Database } from 'drizzle-orm/mysql2'
import { createPool, type Pool, type RowDataPacket } from 'mysql2/promise'
import { databaseFault } from './errors.ts'

/** Runs queries: the pool, or the connection of a transaction. */
export type Queryable = MySql2Database
export type Database = Queryable & { $client: Pool }

const CONNECT_TIMEOUT_MS = 2_000
/** Short, so that a lock that is not released causes a 503 and does not exhaust the pool. */
const LOCK_WAIT_TIMEOUT_S = 2
const DEADLOCK = 1213
const MAX_ATTEMPTS = 3

/** The queries rely on these; the servers' defaults differ. */
const SESSION_SETTINGS = [
  "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00'",
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
  `SET SESSION innodb_lock_wait_timeout = ${LOCK_WAIT_TIMEOUT_S}`,
]

/**
 * Creates a pool. It connects at the first query.
 *
 * @param url `mysql://user:password@host:port/database`; a `socketPath` parameter names a socket
 * @param connections the maximum number of connections
 */
export function openDatabase(url: string, connections = 10): Database {
  const pool = createPool({
    uri: url,
    charset: 'utf8mb4',
    connectionLimit: connections,
    connectTimeout: CONNECT_TIMEOUT_MS,
    queueLimit: 1_000,
    enableKeepAlive: true,
    trace: false, // the driver's stack traces cost more than a query of one row
  })
  pool.pool.on('connection', (connection) => {
    for (const statement of SESSION_SETTINGS) {
      connection.query(statement, (error) => {
        if (error) connection.destroy()
      })
    }
  })
  return drizzle({ client: pool })
}

export async function closeDatabase(db: Database): Promise<void> {
  await db.$client.end()
}

/**
 * Runs `work` in a transaction: committed when it resolves, rolled back when it rejects. After a
 * deadlock `work` runs again, so it must have no effect outside the database.
 *
 * Drizzle's own `transaction` never returns the connection to the pool when `begin` fails, and a
 * failing `rollback` hides the first error.
 */
export async function transaction<T>(
  db: Database,
  work: (tx: Queryable) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await runOnce(db, work)
    } catch (error) {
      if (attempt === MAX_ATTEMPTS || databaseFault(error)?.errno !== DEADLOCK) throw error
    }
  }
}

async function runOnce<T>(db: Database, work: (tx: Queryable) => Promise<T>): Promise<T> {
  const connection = await db.$client.getConnection()
  try {
    await connection.beginTransaction()
    const result = await work(drizzle({ client: connection }))
    await connection.commit()
    connection.release()
    return result
  } catch (error) {
    await connection.rollback().then(
      () => connection.release(),
      () => connection.destroy(),
    )
    throw error
  }
}

/**
 * Reads without Drizzle. If the server does not answer in time, the connection is closed, because
 * it would stay busy.
 *
 * @param timeoutMs for the answer. Opening a connection has CONNECT_TIMEOUT_MS of its own
 * @returns rows as arrays in the order of the columns, with timestamps as `Date`
 */
export async function readRows<Row extends unknown[]>(
  db: Database,
  text: string,
  timeoutMs: number,
): Promise<Row[]> {
  const connection = await db.$client.getConnection()
  try {
    const options = { sql: text, rowsAsArray: true, timezone: 'Z', timeout: timeoutMs }
    const [rows] = await connection.query<(Row & RowDataPacket)[]>(options)
    connection.release()
    return rows
  } catch (error) {
    connection.destroy()
    throw error
  }
}

/** @throws Error if there is no row: the caller has just written or locked it */
export function onlyRow<Row>([row]: Row[]): Row {
  if (row === undefined) throw new Error('a row that this transaction holds is missing')
  return row
}

/** @returns the only number of a raw query's result; Drizzle does not type raw rows */
export function firstNumber(rows: unknown): number {
  const row: unknown = Array.isArray(rows) ? rows[0] : undefined
  return Number(row && typeof row === 'object' ? Object.values(row)[0] : undefined)
}
