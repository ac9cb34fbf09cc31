import { randomUUID } from 'node:crypto'
import type { TestContext } from 'node:test'
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise'
import { isTidb } from './engine.ts'
import { query } from './query.ts'
import { readsOnTidb } from './reads-on-tidb.ts'
import { EXPLAIN, freezeStatistics, setStatistics } from './statistics.ts'

/** Of an empty table, of a small one, and of one far larger than it is. */
const RECORDED_ROWS = [0, 100, 10_000_000]
/** TiDB keeps no numbers that can be set: it has those of `ANALYZE TABLE`, and assumes some before. */
const STATISTICS_OF_TIDB = ['no', 'current'] as const
/** A row for each migration, one row, and a row for each account that is being swept. */
const SMALL_TABLES = new Set(['__drizzle_migrations', 'event_counter', 'ended_access'])

export interface Sent {
  /** What sent the statement. */
  name: string
  statement: string
}

/** Fills the tables: accounts, and of each a session, a token, an event, a failed login and an answer. */
export async function fillTables(url: string, rows: number): Promise<void> {
  if (!isTidb) await freezeStatistics(url)
  const names = Array.from({ length: rows }, () => `'${randomUUID()}'`)
  const each = `FROM users WHERE password_hash = 'x'`
  for (const statement of [
    `INSERT INTO users (username, username_key, password_hash) VALUES ${names
      .map((name) => `(${name}, ${name}, 'x')`)
      .join()}`,
    `INSERT INTO sessions (digest, user_id, expires_at)
       SELECT UNHEX(SHA2(UUID(), 256)), id, CURRENT_TIMESTAMP(3) + INTERVAL 1 DAY ${each}`,
    `INSERT INTO tokens (digest, user_id, name, expires_at)
       SELECT UNHEX(SHA2(UUID(), 256)), id, 'job', CURRENT_TIMESTAMP(3) + INTERVAL 1 DAY ${each}`,
    `INSERT INTO events (id, type, outcome, user_id)
       SELECT 1000000 + id, 'login', 'success', id ${each}`,
    `INSERT INTO login_failures
       SELECT UNHEX(SHA2(UUID(), 256)), 1, CURRENT_TIMESTAMP(3), CURRENT_TIMESTAMP(3) ${each}`,
    `INSERT INTO imported_users (user_id, username_key, keeps_id, password_hash, role)
       SELECT id, username_key, TRUE, 'x', 'user' ${each}`,
    `INSERT INTO used_cookies (digest, expires_at)
       SELECT UNHEX(SHA2(UUID(), 256)), CURRENT_TIMESTAMP(3) + INTERVAL 1 DAY ${each}`,
    `INSERT INTO idempotent_responses SELECT UNHEX(SHA2(UUID(), 256)), UNHEX(SHA2(UUID(), 256)), 'x',
       CURRENT_TIMESTAMP(3) + INTERVAL 1 DAY ${each}`,
  ]) {
    await query(url, statement)
  }
}

/**
 * Asserts that each statement uses an index of every large table and reads few rows, whichever
 * number of rows the statistics have. Runs the statements again, and rolls them back.
 *
 * @param url of a database that `fillTables` has filled
 */
export async function assertFewRows(
  t: TestContext,
  url: string,
  sent: Sent[],
  mostRows: number,
): Promise<void> {
  const planned = sent.filter(({ statement }) => /^\(?(select|update|delete)/i.test(statement))
  const broken: string[] = []
  const connection = await createConnection(url)
  for (const statistics of isTidb ? STATISTICS_OF_TIDB : RECORDED_ROWS) {
    if (typeof statistics === 'number') await setStatistics(url, statistics)
    if (statistics === 'current') await connection.query('ANALYZE TABLE users, sessions, tokens')
    for (const { name, statement } of planned) {
      const inspect = isTidb ? readOnTidb : read
      const { rows, plan, isIndexed } = await inspect(connection, statement)
      if (isIndexed && rows <= mostRows) continue
      broken.push(
        `${name}: with ${statistics} rows recorded, ${rows} read, ${plan}: ${statement.slice(0, 800)}`,
      )
    }
  }
  await connection.end()
  t.assert.deepStrictEqual(broken, [])
}

async function read(connection: Connection, statement: string) {
  const [steps] = await connection.query<RowDataPacket[]>(`${EXPLAIN} ${statement}`)
  const rows = await countReads(connection, statement)
  const large = steps.filter(({ table }) => table && !SMALL_TABLES.has(String(table)))
  const isIndexed = large.every(({ table, type, key }) => {
    return type !== 'ALL' ? key !== null : String(table).startsWith('<') // of the rows before
  })
  return {
    rows,
    isIndexed,
    plan: steps.map(({ table, type, key }) => `${table} by ${type} of ${key}`),
  }
}

async function readOnTidb(connection: Connection, statement: string) {
  const { rows, plan, scanned } = await readsOnTidb(connection, statement)
  return { rows, plan, isIndexed: scanned.every((table) => SMALL_TABLES.has(table)) }
}

/** Runs a statement and rolls it back. @returns how many rows and entries of indexes it read */
async function countReads(connection: Connection, statement: string): Promise<number> {
  await connection.query('FLUSH STATUS')
  await connection.query('START TRANSACTION')
  await connection.query(statement)
  // MariaDB counts the rows that an index condition excludes as attempts only; MySQL does not.
  const [counters] = await connection.query<RowDataPacket[]>(
    `SHOW SESSION STATUS WHERE Variable_name LIKE 'Handler_read%'
       OR Variable_name = 'Handler_icp_attempts'`,
  )
  await connection.query('ROLLBACK')
  return counters.reduce((sum, { Value }) => sum + Number(Value), 0)
}
