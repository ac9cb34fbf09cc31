import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { createConnection } from 'mysql2/promise'
import type { Database } from '../../db/client.ts'
import { databaseFault } from '../../db/errors.ts'
import { isSchemaCurrent, migrate } from '../../db/migrate.ts'
import { onTidb } from '../../db/tidb-schema.ts'
import { createEmptyDatabase } from '../support/database/database.ts'
import { isTidb } from '../support/database/engine.ts'
import { open } from '../support/database/open.ts'
import { query } from '../support/database/query.ts'
import { failureOf } from '../support/failure-of.ts'
import { until } from '../support/until.ts'

const FOLDER = 'db/migrations'
const files = (await readdir(FOLDER)).filter((name) => name.endsWith('.sql')).sort()
const migrations = await Promise.all(
  files.map(async (name) =>
    (await readFile(join(FOLDER, name), 'utf8'))
      .split('--> statement-breakpoint')
      .flatMap((statement) => (isTidb ? (onTidb(statement) ?? []) : statement)),
  ),
)

const WAITING = isTidb
  ? sql`SELECT job_id FROM mysql.tidb_mdl_view WHERE db_name = DATABASE()`
  : sql`SELECT id FROM information_schema.processlist
      WHERE db = DATABASE() AND state = 'Waiting for table metadata lock'`
/** A run of all migrations takes seconds on TiDB. */
const INTERRUPTED_AFTER_EACH = isTidb ? 9 : 1

test('migration of an empty database creates the current schema, and a second run changes nothing', async (t: TestContext) => {
  const db = open(t, await createEmptyDatabase())
  t.assert.strictEqual(await isSchemaCurrent(db), false)
  t.assert.ok((await migrate(db)) >= 1)
  t.assert.strictEqual(await isSchemaCurrent(db), true)

  await db.execute(
    sql`INSERT INTO users (username, username_key, password_hash) VALUES ('a', 'a', '')`,
  )
  const before = await tablesOf(db)
  t.assert.strictEqual(await migrate(db), 0)
  t.assert.deepStrictEqual(await tablesOf(db), before)
  t.assert.strictEqual(await isSchemaCurrent(db), true)
})

test('concurrent migrations wait for the first one, which does the work', async (t: TestContext) => {
  const url = await createEmptyDatabase()
  const instances = Array.from({ length: 4 }, () => open(t, url, 2))
  const applied = await Promise.all(
    instances.map(async (db) => {
      const count = await migrate(db)
      t.assert.strictEqual(await isSchemaCurrent(db), true)
      return count
    }),
  )
  t.assert.strictEqual(applied.filter((count) => count > 0).length, 1)
})

test('migration waits while another process holds its lease, and continues when the lease of that process expires', async (t: TestContext) => {
  const url = await createEmptyDatabase()
  const db = open(t, url)
  await migrate(db)
  await query(url, 'DELETE FROM __drizzle_migrations ORDER BY id DESC LIMIT 1')
  const inAnHour = 'CURRENT_TIMESTAMP(3) + INTERVAL 1 HOUR'
  await query(url, `UPDATE leases SET holder = 'one that died', expires_at = ${inAnHour}`)

  const migrating = migrate(db)
  const early = await Promise.race([migrating, sleep(500, 'waits')])
  t.assert.strictEqual(early, 'waits')
  t.assert.strictEqual(await isSchemaCurrent(db), false)
  await query(url, 'UPDATE leases SET expires_at = CURRENT_TIMESTAMP(3)')
  t.assert.strictEqual(await migrating, 1)
})

test('migration waits for a transaction that is open on a table, without blocking other queries for long', async (t: TestContext) => {
  const url = await createEmptyDatabase()
  const [db, other] = [open(t, url), open(t, url)]
  await migrate(db)
  await query(url, 'DELETE FROM __drizzle_migrations ORDER BY id DESC LIMIT 3')
  await query(url, 'ALTER TABLE users DROP INDEX users_kind')
  await query(url, 'ALTER TABLE users DROP kind, DROP address_ranges')
  const holder = await createConnection(url)
  t.after(() => holder.destroy())
  await holder.query('BEGIN')
  await holder.query('SELECT * FROM users')

  const migrating = migrate(db)
  await until(
    async () => (await rowsOf(other, WAITING)).length > 0,
    () => 'the migration does not wait',
  )
  await rowsOf(other, sql`SELECT * FROM users`)
  t.assert.strictEqual(await isSchemaCurrent(other), false)
  await holder.query('COMMIT')
  t.assert.strictEqual(await migrating, 3)
})

test('migration that is interrupted after any statement is completed by the next run', async (t: TestContext) => {
  const whole = open(t, await createEmptyDatabase())
  await migrate(whole)
  const expected = await tablesOf(whole)
  for (const name of ['users_username_key', 'seeded_users_user_id_users_id_fk', 'tokens_digest']) {
    t.assert.ok(JSON.stringify(expected).includes(name), name)
  }
  const statements = migrations.flat()
  await Promise.all(
    statements.map(async (_, index) => {
      if ((index + 1) % INTERRUPTED_AFTER_EACH !== 0) return
      const url = await createEmptyDatabase()
      for (const statement of statements.slice(0, index + 1)) await query(url, statement)
      const db = open(t, url, 2)
      t.assert.strictEqual(await isSchemaCurrent(db), false)
      t.assert.strictEqual(await migrate(db), migrations.length)
      t.assert.strictEqual(await isSchemaCurrent(db), true)
      t.assert.deepStrictEqual(await tablesOf(db), expected)
    }),
  )
})

test('migration from the first version keeps the rows, and they remain usable', async (t: TestContext) => {
  const url = await createEmptyDatabase()
  for (const statement of migrations[0] ?? []) await query(url, statement)
  await query(
    url,
    "INSERT INTO users (username, username_key, password_hash) VALUES ('A', 'a', 'h')",
  )
  await query(
    url,
    `INSERT INTO sessions (digest, user_id, expires_at)
     VALUES (REPEAT('d', 32), 1, CURRENT_TIMESTAMP(3) + INTERVAL 1 DAY)`,
  )
  const [{ updated_at: _, ...user } = {}] = await query(url, 'SELECT * FROM users')
  const [session] = await query(url, 'SELECT * FROM sessions')
  const before = [
    [
      {
        ...{ ...user, version: 1, session_epoch: 0, token_epoch: 0 },
        username_key: Buffer.from('a'),
        ...{ password_changed_at: null, sessions_ended_at: null },
        ...{ kind: 'person', address_ranges: null },
      },
    ],
    [{ ...session, epoch: 0 }],
  ]
  await migrate(open(t, url, 2))
  const after = [
    await query(url, 'SELECT * FROM users'),
    await query(url, 'SELECT * FROM sessions'),
  ]
  t.assert.deepStrictEqual(after, before)
  t.assert.deepStrictEqual(await query(url, 'SELECT * FROM event_counter'), [{ id: 1, last_id: 0 }])
})

test('migration that fails rejects, is not recorded as applied, and can be run again', async (t: TestContext) => {
  const url = await createEmptyDatabase()
  const db = open(t, url, 2)
  await query(url, 'CREATE TABLE sessions (id VARCHAR(10) PRIMARY KEY)')
  // In the first migration, these statements need a column that this table lacks.
  await t.assert.rejects(migrate(db), /(ALTER TABLE|CREATE INDEX .* ON) `sessions`/)
  t.assert.strictEqual(await isSchemaCurrent(db), false)
  await query(url, 'DROP TABLE sessions')
  t.assert.ok((await migrate(db)) >= 1)
  t.assert.strictEqual(await isSchemaCurrent(db), true)
})

test('migration rejects when the database cannot be reached, as does the check of the schema', async (t: TestContext) => {
  const db = open(t, 'mysql://root@127.0.0.1:1/nothing')
  const failure = await failureOf(migrate(db))
  t.assert.strictEqual(databaseFault(failure)?.code, 'ECONNREFUSED')
  await t.assert.rejects(isSchemaCurrent(db))
})

/** How each table was made, but for the counter of its ids. */
async function tablesOf(db: Database): Promise<Record<string, string>> {
  const names = (await rowsOf(db, sql`SHOW TABLES`)).flatMap(Object.values).map(String)
  const entries = names.map(async (name) => {
    const [row] = await rowsOf(db, sql`SHOW CREATE TABLE ${sql.identifier(name)}`)
    return [name, String(row?.['Create Table']).replace(/ AUTO_INCREMENT=\d+/, '')]
  })
  return Object.fromEntries(await Promise.all(entries))
}

/** What a raw query brings: Drizzle doesn't type its rows. */
async function rowsOf(db: Database, statement: Parameters<Database['execute']>[0]) {
  const [rows] = await db.execute(statement)
  return rows as unknown as Record<string, unknown>[]
}
