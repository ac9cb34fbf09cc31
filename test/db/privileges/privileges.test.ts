// Follows "Privileges" of docs/operations.md.
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { type MigrationMeta, readMigrationFiles } from 'drizzle-orm/migrator'
import { closeDatabase, openDatabase } from '../../../db/client.ts'
import { databaseFault } from '../../../db/errors.ts'
import { migrate } from '../../../db/migrate.ts'
import { MIGRATION_PRIVILEGES, SERVER_PRIVILEGES } from '../../../db/privileges/grants.ts'
import { sweep } from '../../../db/queries/sweep.ts'
import { onTidb } from '../../../db/tidb-schema.ts'
import { migrateDatabase } from '../../../src/config/resolve.ts'
import { createDatabase, createEmptyDatabase } from '../../support/database/database.ts'
import { isTidb } from '../../support/database/engine.ts'
import { createUser } from '../../support/database/limited-user.ts'
import { query } from '../../support/database/query.ts'
import { cookieOf, makeUser, signIn } from '../../support/http/accounts.ts'
import { type App, build, send } from '../../support/http/build.ts'

const [SERVER = '', MIGRATION = ''] = grantsInTheDocs()
const PASSWORD = 'correct horse battery'
const RETENTION = { idleMs: 3_600_000, eventsMs: 3_600_000 }

test('the server serves every operation with its privileges, and needs each of them', async (t: TestContext) => {
  const owner = await createDatabase()
  const { app: ofOwner } = await build(t, { DATABASE_URL: owner })
  const admin = await signIn(ofOwner, await makeUser(ofOwner, 'admin'))
  const server = await createUser(t, owner, SERVER)
  const { app } = await build(t, { DATABASE_URL: server.url })
  t.assert.deepStrictEqual(await useAll(app, admin), [200, 200, 200, 200, 200, 200])
  await sweep(app.db, RETENTION)

  for (const privilege of SERVER.split(', ')) {
    await server.revoke(privilege)
    const { app: limited } = await build(t, { DATABASE_URL: server.url }).catch(() => ({
      app: undefined,
    }))
    const statuses = limited ? await useAll(limited, admin) : [503]
    t.assert.ok(statuses.includes(503), `without ${privilege}: ${statuses}`)
    t.assert.ok(!statuses.includes(500), `without ${privilege}: ${statuses}`)
    await server.grant(privilege)
  }
})

test('migration creates the schema with its privileges, and needs each of them', async (t: TestContext) => {
  // MariaDB does not check REFERENCES, MySQL does.
  const checked = MIGRATION.split(', ').filter((privilege) => privilege !== 'REFERENCES')
  for (const missing of ['', ...checked]) {
    const owner = await createEmptyDatabase()
    const { url, revoke } = await createUser(t, owner, MIGRATION)
    if (missing) await revoke(missing)
    const db = openDatabase(url, { connections: 2 })
    const failure = await migrate(db).then(
      () => undefined,
      (error: unknown) => databaseFault(error)?.errno,
    )
    await closeDatabase(db)
    if (missing)
      t.assert.ok([1044, 1142, 1143, 8121].includes(failure ?? 0), `without ${missing}: ${failure}`)
    else t.assert.strictEqual(failure, undefined)
  }
})

test('migration from every older schema needs no other privilege', async (t: TestContext) => {
  const all = readMigrationFiles({ migrationsFolder: 'db/migrations' })
  for (let applied = 1; applied < all.length; applied++) {
    const owner = await createEmptyDatabase()
    await applyFirst(owner, all.slice(0, applied))
    const { url } = await createUser(t, owner, MIGRATION)
    t.assert.strictEqual(await migrateDatabase(url), all.length - applied)
    const [{ rows } = {}] = await query(owner, 'SELECT COUNT(*) AS `rows` FROM used_cookies')
    t.assert.strictEqual(rows, 0)
  }
})

test('migration without a privilege names it, the account and the statement that grants all', async (t: TestContext) => {
  const checked = MIGRATION.split(', ').filter((privilege) => privilege !== 'REFERENCES')
  for (const missing of checked) {
    const owner = await createEmptyDatabase()
    const { url, account, grant, revoke } = await createUser(t, owner, MIGRATION)
    await revoke(missing)
    const database = new URL(url).pathname.slice(1)
    await t.assert.rejects(migrateDatabase(url), ({ message }: Error) => {
      const [first = '', , statement] = message.split('\n')
      t.assert.strictEqual(
        first.replace(/, so .*/, ''),
        `The database user ${account} lacks the privilege ${missing} on ${database}`,
      )
      t.assert.strictEqual(statement, `  GRANT ${MIGRATION} ON \`${database}\`.* TO ${account};`)
      return true
    })
    await grant(missing)
    t.assert.ok(await migrateDatabase(url))
  }
})

test('migration without any privilege on the database names them all', async (t: TestContext) => {
  const owner = await createEmptyDatabase()
  const { url, account, revoke } = await createUser(t, owner, 'SELECT')
  await revoke('SELECT')
  await t.assert.rejects(migrateDatabase(url), ({ message }: Error) => {
    t.assert.ok(
      message.startsWith(`The database user ${account} lacks the privileges ${MIGRATION} on `),
    )
    return true
  })
})

test('the lists of privileges in the code are those of the documentation', (t: TestContext) => {
  t.assert.deepStrictEqual(SERVER.split(', '), SERVER_PRIVILEGES)
  t.assert.deepStrictEqual(MIGRATION.split(', '), MIGRATION_PRIVILEGES)
})

/** Brings an empty database to an older schema. */
async function applyFirst(url: string, list: MigrationMeta[]): Promise<void> {
  const table = '__drizzle_migrations'
  await query(
    url,
    `CREATE TABLE ${table} (id SERIAL PRIMARY KEY, hash TEXT NOT NULL, created_at BIGINT)`,
  )
  for (const { sql, hash, folderMillis } of list) {
    const statements = isTidb ? sql.flatMap((statement) => onTidb(statement) ?? []) : sql
    for (const statement of statements) await query(url, statement)
    await query(url, `INSERT INTO ${table} (hash, created_at) VALUES ('${hash}', ${folderMillis})`)
  }
}

/** One operation of each kind. @returns their statuses */
async function useAll(app: App, admin: string): Promise<number[]> {
  const username = `u-${randomBytes(8).toString('hex')}`
  const body = { username, password: PASSWORD }
  const created = await send(app, 'POST', '/user', { body })
  const login = await send(app, 'POST', '/login', { body })
  const cookie = cookieOf(login)
  const me = await send(app, 'GET', '/me', { cookie })
  const token = await send(app, 'POST', '/tokens', { cookie, body: { name: 'job' } })
  const events = await send(app, 'GET', '/events', { cookie: admin })
  const logout = await send(app, 'POST', '/logout', { cookie })
  return [created, login, me, token, events, logout].map(({ statusCode }) => statusCode)
}

/** @returns the lists of privileges in the `GRANT` statements of docs/operations.md */
function grantsInTheDocs(): string[] {
  const text = readFileSync('docs/operations.md', 'utf8')
  return [...text.matchAll(/^GRANT (.+?)\s+ON gatehouse\.\*/gm)].map(([, list = '']) => list)
}
