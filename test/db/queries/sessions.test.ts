import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { eq, sql } from 'drizzle-orm'
import type { Database } from '../../../db/client.ts'
import { refused } from '../../../db/queries/authority.ts'
import * as sessions from '../../../db/queries/sessions.ts'
import { changePassword } from '../../../db/queries/users.ts'
import { sessions as sessionsTable, users } from '../../../db/schema.ts'
import { createDatabase } from '../../support/database/database.ts'
import {
  changeTo,
  type DatabaseUser,
  findActor,
  LIMITS,
  makeActor,
  makeDatabaseUser,
  newSession,
} from '../../support/database/database-users.ts'
import { open } from '../../support/database/open.ts'

const DATABASE_URL = await createDatabase()

test('an opened session is found by its secret id only, and lasts for the requested time', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const user = await makeDatabaseUser(db)
  const secretId = randomUUID()
  t.assert.ok((await sessions.open(db, secretId, LIMITS, newSession(user))).ok)
  const actor = await findActor(db, secretId)
  t.assert.strictEqual(actor?.id, user.id)
  t.assert.deepStrictEqual(Object.keys(actor).sort(), [
    'createdAt',
    'credential',
    'id',
    'role',
    'username',
    'version',
  ])
  t.assert.strictEqual(await findActor(db, randomUUID()), undefined)
  const [row] = await rowsOf(db, user)
  const [createdMs, expiresMs] = [row?.createdAt, row?.expiresAt].map((text = '') =>
    Date.parse(text),
  )
  t.assert.strictEqual(Number(expiresMs) - Number(createdMs), LIMITS.lifetimeMs)
})

test('a session is not opened if the account has changed since its password was checked', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const changes: Record<string, (user: DatabaseUser) => Promise<unknown>> = {
    'its password was changed': async (user) => {
      const actor = await makeActor(db, user)
      await changePassword(db, changeTo(user.id, actor), { passwordHash: 'other' })
      await db.delete(sessionsTable)
    },
    'it was disabled': ({ id }) => db.update(users).set({ disabled: true }).where(eq(users.id, id)),
    'it was deleted': ({ id }) => db.delete(users).where(eq(users.id, id)),
  }
  for (const [circumstance, change] of Object.entries(changes)) {
    const user = await makeDatabaseUser(db)
    const session = newSession(user)
    await change(user)
    const secretId = randomUUID()
    const opened = await sessions.open(db, secretId, LIMITS, session)
    t.assert.deepStrictEqual(opened, refused('account-changed'), circumstance)
    t.assert.strictEqual(await findActor(db, secretId), undefined, circumstance)
    t.assert.deepStrictEqual(await rowsOf(db, user), [], circumstance)
  }
})

test('a session that is opened during a password change does not survive with the old password', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  for (let round = 0; round < 10; round++) {
    const user = await makeDatabaseUser(db)
    const actor = await makeActor(db, user)
    const opening = randomUUID()
    const [changed] = await Promise.all([
      changePassword(db, changeTo(user.id, actor), { passwordHash: 'other' }),
      sessions.open(db, opening, LIMITS, newSession(user)),
    ])
    t.assert.ok(changed.ok)
    t.assert.strictEqual(await findActor(db, opening), undefined)
    t.assert.deepStrictEqual(
      (await rowsOf(db, user)).map(({ id }) => id),
      [actor.credential.id],
    )
  }
})

test('a session is not found if it has expired, or if its account is disabled or deleted', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const changes: ((user: DatabaseUser) => Promise<unknown>)[] = [
    ({ id }) => db.update(users).set({ disabled: true }).where(eq(users.id, id)),
    ({ id }) => db.delete(users).where(eq(users.id, id)),
    ({ id }) => {
      const past = sql`CURRENT_TIMESTAMP(3) - INTERVAL 1 MICROSECOND`
      return db.update(sessionsTable).set({ expiresAt: past }).where(eq(sessionsTable.userId, id))
    },
  ]
  for (const change of changes) {
    const user = await makeDatabaseUser(db)
    const secretId = randomUUID()
    await sessions.open(db, secretId, LIMITS, newSession(user))
    t.assert.ok(await findActor(db, secretId))
    await change(user)
    t.assert.strictEqual(await findActor(db, secretId), undefined)
  }
})

test('a session that its owner ended is no longer found, and cannot be ended again', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const user = await makeDatabaseUser(db)
  const kept = await makeActor(db, user)
  const ended = randomUUID()
  await sessions.open(db, ended, LIMITS, newSession(user))
  const { id } = (await findActor(db, ended))?.credential ?? { id: 0 }
  const change = changeTo(user.id, kept)
  t.assert.ok((await sessions.end(db, change, id)).ok)
  t.assert.strictEqual(await findActor(db, ended), undefined)
  t.assert.deepStrictEqual(await sessions.end(db, change, id), refused('not-found'))
  const left = await rowsOf(db, user)
  t.assert.deepStrictEqual(
    left.map((row) => row.id),
    [kept.credential.id],
  )
})

test('a session stores as much of a long or non-ASCII user agent as fits', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  for (const userAgent of ['x'.repeat(300), 'é'.repeat(300), 'é\u0000\\\'"', '']) {
    const user = await makeDatabaseUser(db)
    const address = '2001:db8:1111:2222:3333:4444:5555:6666'
    const session = { ...newSession(user), userAgent, origin: { address } }
    t.assert.ok((await sessions.open(db, randomUUID(), LIMITS, session)).ok)
    const [row] = await rowsOf(db, user)
    t.assert.strictEqual(row?.address, address)
    t.assert.strictEqual(row?.userAgent, userAgent.slice(0, 255))
  }
})

function rowsOf(db: Database, { id }: DatabaseUser) {
  return db.select().from(sessionsTable).where(eq(sessionsTable.userId, id))
}
