import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type SQL, sql } from 'drizzle-orm'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import {
  type Database,
  type Engine,
  engineOf,
  firstNumber,
  onOneConnection,
  type Queryable,
} from './client.ts'
import { isConflict } from './conflicts.ts'
import { databaseFault } from './errors.ts'
import { withLease } from './lease.ts'
import { onTidb } from './tidb-schema.ts'

const migrationsFolder = fileURLToPath(new URL('migrations', import.meta.url))
const migrations = readMigrationFiles({ migrationsFolder })

const newest = migrations.at(-1)?.folderMillis ?? 0

/** Made before all others, because a migration holds a lease. */
const createLeases = migrations
  .flatMap(({ sql }) => sql)
  .find((statement) => statement.includes('CREATE TABLE `leases`'))

const LEASE_TIMEOUT_MS = 120_000

/**
 * How long a statement waits for the open transactions on its table. All later queries on the table
 * wait behind it, so it is shorter than their own limit.
 */
const TABLE_WAIT_S = 1
const MAX_ATTEMPTS = 60
const PAUSE_MS = 1_000

/**
 * Errors of a statement that took effect before. An interrupted migration runs again from its
 * start, because neither server can roll back a change of tables.
 */
const ALREADY_APPLIED = new Set([
  1050, // table exists
  1051, // no table to drop
  1060, // column exists
  1061, // index exists
  1091, // no column or index to drop
  1826, // foreign key exists
])

/**
 * Applies the missing migrations. One process migrates, others wait for it.
 *
 * @param db with two connections or more
 * @returns the number of applied migrations
 * @throws Error if another process migrates for more than two minutes, if transactions of others
 *   keep a table open as long, or if a statement fails. The statements before it stay applied
 */
export async function migrate(db: Database): Promise<number> {
  if (createLeases) await apply(db, sql.raw(createLeases))
  const engine = await engineOf(db)
  const applied = await withLease(
    db,
    'migrate',
    (signal) => onOneConnection(db, (connection) => applyPending(connection, engine, signal)),
    { waitMs: LEASE_TIMEOUT_MS },
  )
  if (applied !== undefined) return applied
  throw new Error(`another process has been migrating for more than ${LEASE_TIMEOUT_MS / 1_000} s`)
}

async function applyPending(
  connection: Queryable,
  engine: Engine,
  signal: AbortSignal,
): Promise<number> {
  await apply(
    connection,
    sql`CREATE TABLE IF NOT EXISTS __drizzle_migrations
        (id SERIAL PRIMARY KEY, hash TEXT NOT NULL, created_at BIGINT)`,
  )
  const latest = await latestApplied(connection)
  await connection.execute(sql`SET SESSION lock_wait_timeout = ${TABLE_WAIT_S}`)
  const pending = migrations.filter((migration) => migration.folderMillis > latest)
  for (const migration of pending) {
    for (const statement of statementsFor(engine, migration.sql)) {
      signal.throwIfAborted()
      await apply(connection, sql.raw(statement))
    }
    await apply(
      connection,
      sql`INSERT INTO __drizzle_migrations (hash, created_at)
          VALUES (${migration.hash}, ${migration.folderMillis})`,
    )
  }
  return pending.length
}

function statementsFor({ name }: Engine, statements: string[]): string[] {
  if (name !== 'TiDB') return statements
  return statements.flatMap((statement) => onTidb(statement) ?? [])
}

/** @returns whether every migration of this version is applied. Rejects if the database is down */
export async function isSchemaCurrent(db: Database): Promise<boolean> {
  return (await latestOrNone(db)) >= newest
}

export interface PendingMigration {
  /** The name of its file. */
  name: string
  statements: string[]
}

/**
 * @returns the migrations that the database lacks, and whether a newer version has migrated it.
 *   Rejects if the database is down
 */
export async function readSchemaState(
  db: Database,
): Promise<{ pending: PendingMigration[]; isNewer: boolean }> {
  const latest = await latestOrNone(db)
  const engine = await engineOf(db)
  const file = join(migrationsFolder, 'meta', '_journal.json')
  const { entries }: { entries: { when: number; tag: string }[] } = JSON.parse(
    readFileSync(file, 'utf8'),
  )
  const pending = migrations
    .filter(({ folderMillis }) => folderMillis > latest)
    .map(({ folderMillis, sql: statements }) => {
      const name = entries.find(({ when }) => when === folderMillis)?.tag ?? ''
      const own = statementsFor(engine, statements)
      return { name, statements: own.map((statement) => statement.trim()) }
    })
  return { pending, isNewer: latest > newest }
}

/** @returns the time of the newest migration that is applied, or 0 if the database has no schema */
async function latestOrNone(db: Database): Promise<number> {
  try {
    return await latestApplied(db)
  } catch (error) {
    if (databaseFault(error)?.code === 'ER_NO_SUCH_TABLE') return 0
    throw error
  }
}

async function apply(connection: Queryable, statement: SQL): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await connection.execute(statement)
      return
    } catch (error) {
      if (isAlreadyApplied(error)) return
      if (!isConflict(error) || attempt === MAX_ATTEMPTS) throw error
      await sleep(PAUSE_MS) // queries that waited behind the statement run now
    }
  }
}

function isAlreadyApplied(error: unknown): boolean {
  const errno = databaseFault(error)?.errno
  if (errno !== undefined && ALREADY_APPLIED.has(errno)) return true
  // MariaDB has no error number for a foreign key that exists.
  const cause = error instanceof Error ? error.cause : undefined
  return errno === 1005 && cause instanceof Error && cause.message.includes('errno: 121')
}

async function latestApplied(connection: Queryable): Promise<number> {
  const [rows] = await connection.execute(
    sql`SELECT COALESCE(MAX(created_at), 0) AS latest FROM __drizzle_migrations`,
  )
  return firstNumber(rows)
}
