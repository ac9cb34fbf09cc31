import { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { asc } from 'drizzle-orm'
import type { Database } from '../../../db/client.ts'
import { events, importedUsers, users } from '../../../db/schema.ts'
import { createDatabase } from '../../support/database/database.ts'
import { open } from '../../support/database/open.ts'
import { query } from '../../support/database/query.ts'
import { failureOf } from '../../support/failure-of.ts'
import { importFrom } from '../../support/flask/import-accounts.ts'
import { addRows, createSource, OLD_HASH, OLD_PASSWORD } from '../../support/flask/source-table.ts'
import { build, send } from '../../support/http/build.ts'

const allUsers = (db: Database) => db.select().from(users).orderBy(asc(users.id))

test('a second import leaves alone and counts what is there, also passwords that were in plain text', async (t: TestContext) => {
  const source = await createSource([
    { username: 'ann', password: OLD_HASH },
    { username: 'bob', password: 'Sommer 26' },
  ])
  const db = open(t, await createDatabase())
  await importFrom(db, source)
  const before = await allUsers(db)
  const { created, present, updated } = await importFrom(db, source)
  t.assert.deepStrictEqual({ created, present, updated }, { created: 0, present: 2, updated: 0 })
  t.assert.deepStrictEqual(await allUsers(db), before)
  t.assert.strictEqual(await db.$count(events), 1)
})

test('a password that changed in the source is taken over and ends the sessions, and so is a role, which ends none', async (t: TestContext) => {
  const source = await createSource([
    { id: 1, username: 'ann', password: OLD_HASH },
    { id: 2, username: 'bob', password: OLD_HASH },
  ])
  const { app } = await build(t, { DATABASE_URL: await createDatabase() })
  await importFrom(app.db, source)
  const body = { username: 'ann', password: OLD_PASSWORD }
  const login = await send(app, 'POST', '/login', { body })
  const headers = { cookie: String(login.headers['set-cookie']).split(';', 1)[0] ?? '' }
  t.assert.strictEqual((await send(app, 'GET', '/me', { headers })).statusCode, 200)

  await query(source, "UPDATE user SET password = 'Winter 26' WHERE id = 1")
  await query(source, "UPDATE user SET role = 'admin' WHERE id = 2")
  t.assert.strictEqual((await importFrom(app.db, source)).updated, 2)
  t.assert.strictEqual((await send(app, 'GET', '/me', { headers })).statusCode, 401)
  t.assert.strictEqual((await send(app, 'POST', '/login', { body })).statusCode, 400)
  const renewed = { username: 'ann', password: 'Winter 26' }
  t.assert.strictEqual((await send(app, 'POST', '/login', { body: renewed })).statusCode, 200)
  const [ann, bob] = await allUsers(app.db)
  t.assert.deepStrictEqual([ann?.version, bob?.version, bob?.role], [2, 2, 'admin'])
  t.assert.notStrictEqual(ann?.sessionsEndedAt, null)
  const stored = await app.db.select().from(events).orderBy(asc(events.id))
  t.assert.deepStrictEqual(stored.map(({ type, userId }) => [type, userId]).slice(2, 4), [
    ['password_changed', 1],
    ['user_updated', 2],
  ])
  t.assert.strictEqual((await importFrom(app.db, source)).updated, 0)
})

test('a password that changed on both sides stays as it was changed here, and the report lists the row', async (t: TestContext) => {
  const source = await createSource([{ id: 1, username: 'ann', password: OLD_HASH }])
  const { app } = await build(t, { DATABASE_URL: await createDatabase() })
  await importFrom(app.db, source)
  const body = { username: 'ann', password: OLD_PASSWORD }
  const login = await send(app, 'POST', '/login', { body })
  const headers = { cookie: String(login.headers['set-cookie']).split(';', 1)[0] ?? '' }
  const changed = { password: 'brass wheels and cards' }
  await send(app, 'PUT', '/user/update-password/1', { headers, body: changed })
  await query(source, "UPDATE user SET password = 'Winter 26'")
  const [before] = await allUsers(app.db)
  const { kept, updated } = await importFrom(app.db, source)
  t.assert.deepStrictEqual({ kept, updated }, { kept: ['id 1'], updated: 0 })
  t.assert.deepStrictEqual(await allUsers(app.db), [before])
  t.assert.strictEqual((await send(app, 'GET', '/me', { headers })).statusCode, 200)
})

test('an account that was deleted here is not imported again', async (t: TestContext) => {
  const source = await createSource([{ username: 'ann', password: OLD_HASH }])
  const db = open(t, await createDatabase())
  await importFrom(db, source)
  await db.delete(users)
  const { created, deletedHere } = await importFrom(db, source)
  t.assert.deepStrictEqual({ created, deletedHere }, { created: 0, deletedHere: 1 })
  t.assert.deepStrictEqual(await allUsers(db), [])
})

test('accounts that are gone from the source are reported, and deleted on request only', async (t: TestContext) => {
  const source = await createSource([
    { id: 1, username: 'ann', password: OLD_HASH },
    { id: 2, username: 'bob', password: OLD_HASH },
  ])
  const db = open(t, await createDatabase())
  await importFrom(db, source)
  await db.insert(users).values({ username: 'own', usernameKey: 'own', passwordHash: OLD_HASH })
  await query(source, 'DELETE FROM user WHERE id = 2')
  t.assert.deepStrictEqual((await importFrom(db, source)).missing, [2])
  t.assert.strictEqual(await db.$count(users), 3)
  t.assert.strictEqual((await importFrom(db, source, { deleteMissing: true })).deleted, 1)
  t.assert.deepStrictEqual(
    (await allUsers(db)).map(({ username }) => username),
    ['ann', 'own'],
  )
  await query(source, 'DELETE FROM user')
  const failure = await failureOf(importFrom(db, source, { deleteMissing: true }))
  t.assert.match(String(failure), /The source has no rows/)
  t.assert.strictEqual(await db.$count(users), 2)
})

test('accounts that were deleted on both sides are neither reported nor deleted again', async (t: TestContext) => {
  const source = await createSource([{ id: 1, username: 'ann', password: OLD_HASH }])
  const db = open(t, await createDatabase())
  await importFrom(db, source)
  await db.delete(users)
  await query(source, 'DELETE FROM user')
  await addRows(source, [{ id: 2, username: 'bob', password: OLD_HASH }])
  for (const isDryRun of [true, false]) {
    const again = await importFrom(db, source, { isDryRun, deleteMissing: true })
    t.assert.deepStrictEqual([again.deleted, again.missing], [0, []])
  }
})

test('deleting missing accounts is refused if the source has no ids and the accounts were imported with ids', async (t: TestContext) => {
  const source = await createSource([{ id: 1, username: 'ann', password: OLD_HASH }])
  const db = open(t, await createDatabase())
  await importFrom(db, source)
  const rows = [{ place: 'line 1', username: 'ann', password: OLD_HASH, role: 'user' }]
  const withoutIds = { name: 'a file', rows: () => Readable.from(rows) }
  const options = { source: withoutIds, deleteMissing: true }
  t.assert.match(String(await failureOf(importFrom(db, source, options))), /has no ids/)
  t.assert.strictEqual(await db.$count(users), 1)
})

test('a row whose id or name another account has is refused, and a row that was copied by hand is adopted', async (t: TestContext) => {
  const source = await createSource([
    { id: 1, username: 'ann', password: OLD_HASH },
    { id: 2, username: 'Bob', password: OLD_HASH },
    { id: 3, username: 'cy', password: OLD_HASH },
  ])
  const db = open(t, await createDatabase())
  const own = (id: number, username: string) => ({ id, username, usernameKey: username })
  await db.insert(users).values([
    { ...own(1, 'other'), passwordHash: OLD_HASH },
    { ...own(9, 'bob'), passwordHash: OLD_HASH },
    { ...own(3, 'cy'), passwordHash: OLD_HASH },
  ])
  const before = await allUsers(db)
  const { refusals, present, created } = await importFrom(db, source)
  t.assert.deepStrictEqual(
    refusals.map(({ place, reason }) => [place, reason]),
    [
      ['id 1', 'id-taken'],
      ['id 2', 'username-taken'],
    ],
  )
  t.assert.deepStrictEqual({ present, created }, { present: 1, created: 0 })
  t.assert.deepStrictEqual(await allUsers(db), before)
  const marks = await db.select().from(importedUsers)
  t.assert.deepStrictEqual(
    marks.map(({ userId }) => userId),
    [3],
  )
})

test('a dry run that deletes missing accounts counts their names as free, like the real run', async (t: TestContext) => {
  const source = await createSource([{ id: 1, username: 'ann', password: OLD_HASH }])
  const db = open(t, await createDatabase())
  await importFrom(db, source)
  await query(source, 'UPDATE user SET id = 2')
  const dry = await importFrom(db, source, { isDryRun: true, deleteMissing: true })
  t.assert.deepStrictEqual(
    (await allUsers(db)).map(({ id }) => id),
    [1],
  )
  const real = await importFrom(db, source, { deleteMissing: true })
  t.assert.deepStrictEqual({ ...dry, dryRun: false }, real)
  t.assert.deepStrictEqual([real.created, real.deleted, real.refused], [1, 1, 0])
})
