import { type TestContext, test } from 'node:test'
import { verify } from '@node-rs/bcrypt'
import { asc, eq, sql } from 'drizzle-orm'
import type { Database } from '../../../db/client.ts'
import { events, importedUsers, users } from '../../../db/schema.ts'
import { transaction } from '../../../db/transaction.ts'
import { createDatabase } from '../../support/database/database.ts'
import { tidbHasNo } from '../../support/database/engine.ts'
import { open } from '../../support/database/open.ts'
import { failureOf } from '../../support/failure-of.ts'
import { importFrom } from '../../support/flask/import-accounts.ts'
import { addRows, createSource, OLD_HASH, OLD_PASSWORD } from '../../support/flask/source-table.ts'
import { build, send } from '../../support/http/build.ts'
import { until } from '../../support/until.ts'

const SCRYPT = `scrypt:32768:8:1$ZaMPWu0QAcCUkqRI$${'0a'.repeat(64)}`

const allUsers = (db: Database) => db.select().from(users).orderBy(asc(users.id))

test('an import keeps ids, names, roles and hashes, and hashes passwords in plain text', async (t: TestContext) => {
  const source = await createSource([
    { id: 7, username: 'Ann Núñez ', password: OLD_HASH, role: 'admin' },
    { id: 12, username: 'bob', password: SCRYPT },
    { id: 13, username: 'cy', password: 'Sommer 26' },
    { id: 14, username: 'di', password: 'é'.repeat(40) },
  ])
  const db = open(t, await createDatabase())
  const { created, createdWith, refused } = await importFrom(db, source)
  t.assert.deepStrictEqual(
    { created, createdWith, refused },
    { created: 4, createdWith: { bcrypt: 1, scrypt: 1, pbkdf2: 0, plain: 2 }, refused: 0 },
  )
  const [ann, bob, cy, di] = await allUsers(db)
  t.assert.deepStrictEqual([ann?.id, ann?.username, ann?.role], [7, 'Ann Núñez ', 'admin'])
  t.assert.deepStrictEqual([ann?.passwordHash, bob?.passwordHash], [OLD_HASH, SCRYPT])
  t.assert.deepStrictEqual([bob?.id, bob?.usernameKey, bob?.role], [12, 'bob', 'user'])
  t.assert.ok(await verify('Sommer 26', cy?.passwordHash ?? ''))
  t.assert.match(di?.passwordHash ?? '', /^scrypt:/) // 80 bytes are too long for bcrypt
  const marks = await db.select().from(importedUsers).orderBy(asc(importedUsers.userId))
  t.assert.deepStrictEqual(
    marks.map(({ userId, keepsId, passwordHash }) => [userId, keepsId, passwordHash]),
    [ann, bob, cy, di].map((user) => [user?.id, true, user?.passwordHash]),
  )
  const [event] = await db.select().from(events)
  t.assert.strictEqual(event?.type, 'users_imported')
  t.assert.match(event?.detail ?? '', /^\{"count":4,"source":"table user of [^"@]*"\}$/)
})

test('an imported account logs in with its old name in any case, spaces included', async (t: TestContext) => {
  const source = await createSource([{ id: 7, username: 'Ann Núñez ', password: OLD_HASH }])
  const { app } = await build(t, { DATABASE_URL: await createDatabase() })
  await importFrom(app.db, source)
  const login = (username: string) =>
    send(app, 'POST', '/login', { body: { username, password: OLD_PASSWORD } })
  t.assert.strictEqual((await login('ANN NÚÑEZ ')).statusCode, 200)
  for (const other of ['Ann Núñez', 'Ann Nunez ']) {
    t.assert.strictEqual((await login(other)).statusCode, 400, other)
  }
})

test('new accounts get ids above the reserved ones, so that the source can still create accounts', async (t: TestContext) => {
  const source = await createSource([
    { id: 5, username: 'ann', password: OLD_HASH },
    { id: 40, username: 'bob', password: OLD_HASH, role: 'root' },
  ])
  const { app } = await build(t, { DATABASE_URL: await createDatabase() })
  t.assert.strictEqual((await importFrom(app.db, source)).refused, 1)
  const body = { username: 'new', password: 'a good password' }
  const made = await send(app, 'POST', '/user', { body })
  t.assert.strictEqual(made.json().user.id, 1_041)

  await addRows(source, [{ id: 41, username: 'cy', password: OLD_HASH }])
  t.assert.strictEqual((await importFrom(app.db, source)).created, 1)
  t.assert.deepStrictEqual(
    (await allUsers(app.db)).map(({ id }) => id),
    [5, 41, 1_041],
  )
})

test('a dry run reports the same numbers and stores nothing', async (t: TestContext) => {
  const source = await createSource([
    { id: 1, username: 'ann', password: OLD_HASH },
    { id: 2, username: 'bob', password: 'Sommer 26' },
    { id: 3, username: 'cy', password: OLD_HASH, role: 'root' },
  ])
  const db = open(t, await createDatabase())
  const { dryRun, ...dry } = await importFrom(db, source, { isDryRun: true })
  t.assert.strictEqual(dryRun, true)
  for (const table of [users, importedUsers, events]) {
    t.assert.strictEqual(await db.$count(table), 0)
  }
  const { dryRun: _, ...real } = await importFrom(db, source)
  t.assert.deepStrictEqual(dry, real)
})

const skip = tidbHasNo('triggers')
test('an import that fails in the middle stores nothing, and can be repeated', {
  skip,
}, async (t: TestContext) => {
  const rows = Array.from({ length: 1_500 }, (_, index) => ({
    id: index + 1,
    username: `user ${index + 1}`,
    password: OLD_HASH,
  }))
  const source = await createSource()
  await addRows(source, rows)
  const db = open(t, await createDatabase())
  await db.execute(`CREATE TRIGGER refuse BEFORE INSERT ON users FOR EACH ROW
    IF NEW.username = 'user 1400' THEN SIGNAL SQLSTATE '45000'; END IF`)
  t.assert.ok((await failureOf(importFrom(db, source))) instanceof Error)
  t.assert.strictEqual(await db.$count(users), 0)
  t.assert.strictEqual(await db.$count(importedUsers), 0)
  await db.execute('DROP TRIGGER refuse')
  t.assert.strictEqual((await importFrom(db, source)).created, 1_500)
})

test('a name that a registration takes while the import stores its rows is refused, and the other rows are stored', async (t: TestContext) => {
  const source = await createSource([
    { id: 1, username: 'ann', password: OLD_HASH },
    { id: 2, username: 'bob', password: OLD_HASH },
  ])
  const db = open(t, await createDatabase())
  const pending = await transaction(db, async (tx) => {
    await tx
      .insert(users)
      .values({ id: 99, username: 'ann', usernameKey: 'ann', passwordHash: OLD_HASH })
    const importing = importFrom(db, source)
    await until(
      () => isInserting(db),
      () => 'the import does not wait for the name',
    )
    return { importing }
  })
  const { refusals, created } = await pending.importing
  t.assert.deepStrictEqual(
    refusals.map(({ place, reason }) => [place, reason]),
    [['id 1', 'username-taken']],
  )
  t.assert.strictEqual(created, 1)
  t.assert.deepStrictEqual(
    (await allUsers(db)).map(({ id, username }) => [id, username]),
    [
      [2, 'bob'],
      [99, 'ann'],
    ],
  )
})

test('an account that is registered while an import stores its rows gets an id above the reserved ones', async (t: TestContext) => {
  const source = await createSource([{ id: 1, username: 'ann', password: OLD_HASH }])
  const db = open(t, await createDatabase())
  // The import waits for this transaction when it inserts its first row.
  const pending = await transaction(db, async (tx) => {
    await tx.insert(users).values({ id: 50, username: 'x', usernameKey: 'ann', passwordHash: '' })
    const importing = importFrom(db, source)
    await until(
      () => isInserting(db),
      () => 'the import does not wait for the name',
    )
    const other = { username: 'new', usernameKey: 'new', passwordHash: OLD_HASH }
    const [{ insertId }] = await db.insert(users).values(other)
    t.assert.ok(insertId > 1_001, String(insertId))
    await tx.delete(users).where(eq(users.id, 50))
    return { importing }
  })
  t.assert.strictEqual((await pending.importing).created, 1)
})

test('an import while another one runs is refused', async (t: TestContext) => {
  const source = await createSource([{ username: 'ann', password: OLD_HASH }])
  const db = open(t, await createDatabase())
  const results = await Promise.allSettled([importFrom(db, source), importFrom(db, source)])
  const failures = results.filter(({ status }) => status === 'rejected')
  t.assert.strictEqual(failures.length, 1)
  t.assert.match(JSON.stringify(failures, errorText), /Another import is running/)
  t.assert.strictEqual(await db.$count(users), 1)
})

function errorText(_key: string, value: unknown) {
  return value instanceof Error ? value.message : value
}

/** Whether an import waits to insert its accounts. */
async function isInserting(db: Database): Promise<boolean> {
  const [rows] = await db.execute(sql`SELECT id FROM information_schema.processlist
    WHERE db = DATABASE() AND info LIKE 'INSERT INTO users (id, username%'`)
  return Array.isArray(rows) && rows.length > 0
}
