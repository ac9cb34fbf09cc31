import { sql } from 'drizzle-orm'
import { type Database, firstNumber } from '../../../db/client.ts'
import { readOnlyVariable } from '../../../db/connections/engine.ts'
import { INSPECTION_CONNECTIONS } from '../../../db/lookups/inspections.ts'
import { LOOKUP_CONNECTIONS } from '../../../db/lookups/lookups.ts'
import { CONNECTIONS } from '../../../plugins/database.ts'
import { workerCount } from '../../config/capacity.ts'
import type { Config } from '../../config/config.ts'
import { type Check, fail, ok, warn } from './check.ts'

/** Global variables of the database by name, in lower case. A server lacks some of them. */
export type Variables = Readonly<Record<string, string>>

export interface ConnectionUse {
  /** Of this user on this database, with the one of this command. */
  own: number
  all: number
}

const PER_PROCESS = CONNECTIONS + LOOKUP_CONNECTIONS + INSPECTION_CONNECTIONS
/** The longest statement, 500 rows of an import or of the audit trail, is shorter. */
const MIN_PACKET_BYTES = 4 * 1024 * 1024
/** Between two sweeps an idle server queries nothing. */
const MIN_WAIT_TIMEOUT_S = 120
/** Sessions expire by the database's clock. Logs have this machine's. */
const MAX_CLOCK_DIFFERENCE_MS = 2_000

/** Checks the settings that change what Gatehouse promises, apart from those of `checkServer`. */
export async function checkDatabaseSettings(db: Database): Promise<Check[]> {
  return [...checkWrites(await readVariables(db)), ...(await checkEngines(db))]
}

/**
 * Checks the settings of one server of the database, and its clock. Each connection sets the others
 * itself: SQL mode, time zone, isolation level and lock wait (db/connections/connection.ts).
 */
export async function checkServer(
  db: Database,
  variables: Variables,
  config: Config,
): Promise<Check[]> {
  const status = await readPairs(db, 'STATUS')
  // Without the privilege PROCESS, a user sees only its own connections.
  const [rows] = await db.execute(
    sql`SELECT COUNT(*) FROM information_schema.processlist
        WHERE db = DATABASE() AND user = SUBSTRING_INDEX(USER(), '@', 1)`,
  )
  const own = firstNumber(rows)
  const use = { own, all: Number(status.threads_connected ?? own) } // TiDB has no count of all
  return [
    checkDurability(variables),
    checkConnections(variables, use, workerCount(config)),
    ...checkLimits(variables),
    await checkClock(db),
  ]
}

async function checkClock(db: Database): Promise<Check> {
  const before = Date.now()
  const [rows] = await db.execute(
    sql`SELECT ROUND(UNIX_TIMESTAMP(CURRENT_TIMESTAMP(3)) * 1000) AS ms`,
  )
  const differenceMs = Math.round(firstNumber(rows) - (before + Date.now()) / 2)
  const text = `of the database is ${Math.abs(differenceMs)} ms ${differenceMs < 0 ? 'behind' : 'ahead of'} this machine's`
  return Math.abs(differenceMs) <= MAX_CLOCK_DIFFERENCE_MS
    ? ok('clock', text)
    : warn('clock', text, 'Let NTP set the clocks of both machines')
}

export function checkDurability(variables: Variables): Check {
  const faults: string[] = []
  const changes: string[] = []
  if (variables.innodb_flush_log_at_trx_commit !== '1') {
    const value = variables.innodb_flush_log_at_trx_commit
    faults.push(`innodb_flush_log_at_trx_commit=${value}: a crash loses the last second of commits`)
    changes.push('innodb_flush_log_at_trx_commit=1')
  }
  if (variables.log_bin === 'ON' && variables.sync_binlog !== '1') {
    faults.push(
      `sync_binlog=${variables.sync_binlog}: after a crash, the binary log and the replicas can lack commits`,
    )
    changes.push('sync_binlog=1')
  }
  if (faults.length === 0) return ok('durability', 'a commit is on the disk before it is answered')
  return warn(
    'durability',
    faults.join('; '),
    `Set ${changes.join(' and ')}. Otherwise a session or a token that was ended can be valid again after a crash`,
  )
}

/** @param processes of one instance */
export function checkConnections(
  variables: Variables,
  use: ConnectionUse,
  processes: number,
): Check {
  const subject = 'connections'
  const limit = Number(variables.max_connections) || Number.POSITIVE_INFINITY // on TiDB, 0 is none
  const perUser = Number(variables.max_user_connections)
  const needed = PER_PROCESS * processes
  const text = `an instance opens up to ${needed}; the database allows ${limit === Number.POSITIVE_INFINITY ? 'any number' : limit}, of which ${use.all} are open`
  if (perUser > 0 && perUser < needed) {
    const todo = `Set max_user_connections to ${needed} for each instance, or 0`
    return fail(subject, `${text}; max_user_connections=${perUser}`, todo)
  }
  if (limit < needed) {
    return fail(subject, text, `Set max_connections to more than ${needed}, or run fewer WORKERS`)
  }
  // Instances that run have some of theirs open already.
  const others = use.all - use.own
  if (others + Math.max(needed, use.own) <= limit) return ok(subject, text)
  const todo = `Raise max_connections: ${others} connections belong to other users`
  return warn(subject, text, todo)
}

export function checkWrites(variables: Variables): Check[] {
  const readOnly = readOnlyVariable(variables)
  const checks: Check[] = []
  if (readOnly) {
    const text = `${readOnly}=${variables[readOnly]}: the database refuses changes`
    const todo = 'Point DATABASE_URL at the primary server, or make this one writable'
    checks.push(fail('writes', text, todo))
  }
  if (variables.log_bin === 'ON' && variables.binlog_format === 'STATEMENT') {
    const text = 'binlog_format=STATEMENT: the database refuses changes at READ COMMITTED'
    checks.push(fail('writes', text, 'Set binlog_format to ROW or MIXED'))
  }
  return checks.length > 0 ? checks : [ok('writes', 'the database accepts changes')]
}

export function checkLimits(variables: Variables): Check[] {
  const checks: Check[] = []
  if (Number(variables.max_allowed_packet) < MIN_PACKET_BYTES) {
    const text = `max_allowed_packet=${variables.max_allowed_packet}: an import can fail`
    checks.push(warn('limits', text, `Set it to ${MIN_PACKET_BYTES} or more`))
  }
  if (Number(variables.wait_timeout) < MIN_WAIT_TIMEOUT_S) {
    const text = `wait_timeout=${variables.wait_timeout}: an idle server reconnects often`
    checks.push(warn('limits', text, `Set it to ${MIN_WAIT_TIMEOUT_S} or more`))
  }
  return checks
}

/** Migrations leave the engine to the database's default. */
async function checkEngines(db: Database): Promise<Check[]> {
  const [rows] = await db.execute(
    sql`SELECT COUNT(*) FROM information_schema.tables
        WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' AND engine <> 'InnoDB'`,
  )
  const count = firstNumber(rows)
  if (count === 0) return []
  const text = `${count} tables do not use InnoDB: changes to them are not transactional`
  const todo =
    'Set default_storage_engine=InnoDB, and run ALTER TABLE … ENGINE=InnoDB for each table'
  return [fail('engine', text, todo)]
}

export function readVariables(db: Database): Promise<Variables> {
  return readPairs(db, 'VARIABLES')
}

async function readPairs(db: Database, what: 'VARIABLES' | 'STATUS'): Promise<Variables> {
  const [rows] = await db.execute(sql.raw(`SHOW GLOBAL ${what}`))
  if (!Array.isArray(rows)) return {}
  const pairs = rows.map((row: object) => Object.values(row).map(String))
  return Object.fromEntries(pairs.map(([name = '', value = '']) => [name.toLowerCase(), value]))
}
