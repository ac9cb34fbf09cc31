import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { eq, sql } from 'drizzle-orm'
import type { Database } from '../../db/client.ts'
import { sessions, users } from '../../db/schema.ts'
import { endSession, findActor, isSessionLive, openSession } from '../../db/sessions.ts'
import { changePassword } from '../../db/users.ts'
import { createDatabase } from '../support/database.ts'
import { type DatabaseUser, makeActor, makeDatabaseUser } from '../support/database-users.ts'
import { open } from '../support/open.ts'

const DATABASE_URL = await createDatabase()
const DAY_MS = 86_400_000

test('a session, opened, is found by its secret id alone, and lasts as long as was asked', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const user = await makeDatabaseUser(db)
  const secretId = randomUUID()
  t.assert.strictEqual(await openSession(db, secretId, newSession(user)), true)
  const actor = await findActor(db, secretId)
  t.assert.strictEqual(actor?.id, user.id)
  t.assert.deepStrictEqual(Object.keys(actor).sort(), [
    'createdAt',
    'id',
    'role',
    'sessionId',
    'username',
  ])
  t.assert.strictEqual(await findActor(db, randomUUID()), undefined)
  const [row] = await rowsOf(db, user)
  t.assert.strictEqual(Number(row?.expiresAt) - Number(row?.createdAt), DAY_MS)
})

test('a session, of an account that changed since the password was checked, is not opened', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const changes: Record<string, (user: DatabaseUser) => Promise<unknown>> = {
    'its password was changed': async (user) => {
      const actor = await makeActor(db, user)
      await changePassword(db, actor, user.id, { passwordHash: 'other' })
      await db.delete(sessions)
    },
    'it was disabled': ({ id }) => db.update(users).set({ disabled: true }).where(eq(users.id, id)),
    'it was deleted': ({ id }) => db.delete(users).where(eq(users.id, id)),
  }
  for (const [circumstance, change] of Object.entries(changes)) {
    const user = await makeDatabaseUser(db)
    const session = newSession(user)
    await change(user)
    const secretId = randomUUID()
    t.assert.strictEqual(await openSession(db, secretId, session), false, circumstance)
    t.assert.strictEqual(await findActor(db, secretId), undefined, circumstance)
    t.assert.deepStrictEqual(await rowsOf(db, user), [], circumstance)
  }
})

test('line 6: a session, whose opening meets a change of password, is never left of the old one', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  for (let round = 0; round < 10; round++) {
    const user = await makeDatabaseUser(db)
    const actor = await makeActor(db, user)
    const opening = randomUUID()
    const [outcome] = await Promise.all([
      changePassword(db, actor, user.id, { passwordHash: 'other' }),
      openSession(db, opening, newSession(user)),
    ])
    t.assert.strictEqual(outcome, 'done')
    t.assert.strictEqual(await findActor(db, opening), undefined)
    t.assert.deepStrictEqual(
      (await rowsOf(db, user)).map(({ id }) => id),
      [actor.sessionId],
    )
  }
})

test('line 6: a session, of an account that is disabled or deleted or that is over, is not found', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const changes: ((user: DatabaseUser) => Promise<unknown>)[] = [
    ({ id }) => db.update(users).set({ disabled: true }).where(eq(users.id, id)),
    ({ id }) => db.delete(users).where(eq(users.id, id)),
    ({ id }) => {
      const past = sql`CURRENT_TIMESTAMP(3) - INTERVAL 1 MICROSECOND`
      return db.update(sessions).set({ expiresAt: past }).where(eq(sessions.userId, id))
    },
  ]
  for (const change of changes) {
    const user = await makeDatabaseUser(db)
    const secretId = randomUUID()
    await openSession(db, secretId, newSession(user))
    t.assert.ok(await findActor(db, secretId))
    await change(user)
    t.assert.strictEqual(await findActor(db, secretId), undefined)
  }
})

test('a session, ended, is dead, and so it stays when it is ended again', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const user = await makeDatabaseUser(db)
  const [kept, ended] = [randomUUID(), randomUUID()]
  for (const secretId of [kept, ended]) await openSession(db, secretId, newSession(user))
  const id = (await findActor(db, ended))?.sessionId ?? 0
  t.assert.strictEqual(await isSessionLive(db, id), true)
  for (let times = 0; times < 2; times++) {
    await endSession(db, ended)
    t.assert.strictEqual(await findActor(db, ended), undefined)
    t.assert.strictEqual(await isSessionLive(db, id), false)
  }
  t.assert.ok(await findActor(db, kept))
})

test('a session, of a client with a long or foreign name, stores what there is room for', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  for (const userAgent of ['x'.repeat(300), 'é'.repeat(300), 'é\u0000\\\'"', '']) {
    const user = await makeDatabaseUser(db)
    const address = '2001:db8:1111:2222:3333:4444:5555:6666'
    const session = { ...newSession(user), address, userAgent }
    t.assert.strictEqual(await openSession(db, randomUUID(), session), true)
    const [row] = await rowsOf(db, user)
    t.assert.strictEqual(row?.address, address)
    t.assert.strictEqual(row?.userAgent, userAgent.slice(0, 255))
  }
})

function newSession({ id, passwordHash }: DatabaseUser) {
  return { userId: id, passwordHash, lifetimeMs: DAY_MS, address: undefined, userAgent: undefined }
}

function rowsOf(db: Database, { id }: DatabaseUser) {
  return db.select().from(sessions).where(eq(sessions.userId, id))
}
