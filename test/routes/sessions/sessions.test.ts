import { type TestContext, test } from 'node:test'
import { eq, sql } from 'drizzle-orm'
import { sessions } from '../../../db/schema.ts'
import { createDatabase } from '../../support/database/database.ts'
import {
  cookieOf,
  giveToken,
  makeUser,
  signIn,
  storedSessions,
} from '../../support/http/accounts.ts'
import { type App, build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'
import { readList } from '../../support/http/read-list.ts'

const DATABASE_URL = await createDatabase()

async function list(app: App, cookie: string) {
  return (await send(app, 'GET', '/sessions', { cookie })).json().items as {
    id: number
    current: boolean
  }[] // which the response schema ensures
}

test('the sessions of a user are listed newest first, with the current one marked', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const first = await signIn(app, account)
  const second = await signIn(app, account)
  await signIn(app, await makeUser(app))
  const items = await list(app, second)
  t.assert.deepStrictEqual(
    items.map(({ current }) => current),
    [true, false],
  )
  t.assert.deepStrictEqual(
    (await list(app, first)).map(({ current }) => current),
    [false, true],
  )
})

test('sessions on several pages are each read once by the cursor', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  let cookie = ''
  for (let made = 0; made < 5; made++) cookie = await signIn(app, account)
  const seen = (await readList<{ id: number }>(t, app, '/sessions?limit=2', cookie)).map(
    (s) => s.id,
  )
  t.assert.deepStrictEqual(
    seen,
    (await storedSessions(app, account.id)).sort((a, b) => b - a),
  )
})

test('a cursor of another user, of another list or an invented one returns a 400 that names it', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const own = app.cursors.encode(`sessions ${account.id}`, 1)
  t.assert.strictEqual(
    (await send(app, 'GET', `/sessions?cursor=${own}`, { cookie })).statusCode,
    200,
  )
  const forged = Buffer.from(`sessions ${account.id} 1.AAAA`).toString('base64url')
  const others = [app.cursors.encode('sessions 0', 1), app.cursors.encode('users', 1)]
  for (const cursor of ['x', '%00', forged, own.slice(1), `${own}AAAA`, ...others]) {
    const response = await send(app, 'GET', `/sessions?cursor=${cursor}`, { cookie })
    assertError(t, response, 400, 'VALIDATION_FAILED', ['querystring.cursor'])
  }
})

test('a session that its owner ended from another session is refused on the next request', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const [here, there] = [await signIn(app, account), await signIn(app, account)]
  const other = (await list(app, here)).find(({ current }) => !current)
  const ended = await send(app, 'DELETE', `/sessions/${other?.id}`, { cookie: here })
  t.assert.strictEqual(ended.statusCode, 200)
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie: there })).statusCode, 401)
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie: here })).statusCode, 200)
})

test('a session of another user cannot be ended and returns a 404', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const stranger = await signIn(app, await makeUser(app))
  const [theirs] = await list(app, stranger)
  const cookie = await signIn(app, await makeUser(app))
  const response = await send(app, 'DELETE', `/sessions/${theirs?.id}`, { cookie })
  t.assert.strictEqual(response.json().code, 'SESSION_NOT_FOUND')
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie: stranger })).statusCode, 200)
})

test('ending other sessions keeps the current one, and the scope all ends it too', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const [here, there] = [await signIn(app, account), await signIn(app, account)]
  await send(app, 'DELETE', '/sessions', { cookie: here })
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie: there })).statusCode, 401)
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie: here })).statusCode, 200)
  await send(app, 'DELETE', '/sessions?scope=all', { cookie: here })
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie: here })).statusCode, 401)
})

test('sessions that a token lists or ends have no current one, so none is kept', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  await signIn(app, account)
  const { headers } = await giveToken(app, account)
  const { items } = (await send(app, 'GET', '/sessions', { headers })).json()
  t.assert.deepStrictEqual(
    items.map(({ current }: { current: boolean }) => current),
    [false],
  )
  t.assert.strictEqual((await send(app, 'DELETE', '/sessions', { headers })).statusCode, 200)
  t.assert.deepStrictEqual(await storedSessions(app, account.id), [])
  t.assert.strictEqual((await send(app, 'GET', '/me', { headers })).statusCode, 200)
})

test('a session that ends itself, by any operation, clears its cookie', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  for (const own of ['/sessions?scope=all', '/sessions/:id']) {
    const cookie = await signIn(app, account)
    const [id] = await storedSessions(app, account.id)
    const answer = await send(app, 'DELETE', own.replace(':id', String(id)), { cookie })
    t.assert.match(String(answer.headers['set-cookie']), /^session=; .*Expires=Thu, 01 Jan 1970/)
  }
})

test('an admin can list and end the sessions of another user, and gets a 404 for an unknown one', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const theirs = await signIn(app, account)
  const cookie = await signIn(app, await makeUser(app, 'admin'))
  const url = `/user/${account.id}/sessions`
  t.assert.strictEqual((await send(app, 'GET', url, { cookie })).json().items.length, 1)
  t.assert.strictEqual((await send(app, 'DELETE', url, { cookie })).statusCode, 200)
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie: theirs })).statusCode, 401)
  const nobody = await send(app, 'GET', '/user/999999999/sessions', { cookie })
  t.assert.strictEqual(nobody.json().code, 'USER_NOT_FOUND')
})

test('a session is valid until its idle limit or its absolute limit, and refused afterwards', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, SESSION_IDLE: 300 })
  const second = (offset: number) => sql`CURRENT_TIMESTAMP(3) + INTERVAL ${offset} SECOND`
  for (const [dates, status] of [
    [{ lastSeenAt: second(-298) }, 200],
    [{ lastSeenAt: second(-300) }, 401],
    [{ expiresAt: second(2) }, 200],
    [{ expiresAt: second(0) }, 401], // whatever its last use: just now
  ] as const) {
    const account = await makeUser(app)
    const cookie = await signIn(app, account)
    await app.db.update(sessions).set(dates).where(eq(sessions.userId, account.id))
    t.assert.strictEqual((await send(app, 'GET', '/me', { cookie })).statusCode, status)
  }
})

test('a session lasts for SESSION_LIFETIME from its login, however it is used', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, SESSION_LIFETIME: 600 })
  const { id, username, password } = await makeUser(app)
  const login = await send(app, 'POST', '/login', { body: { username, password } })
  const own = eq(sessions.userId, id)
  await app.db
    .update(sessions)
    .set({ lastSeenAt: ago(61) })
    .where(own)
  await send(app, 'GET', '/me', { cookie: cookieOf(login) })
  await app.lastUsed.flush()
  const [row] = await app.db.select().from(sessions).where(own)
  t.assert.strictEqual(Date.parse(row?.expiresAt ?? '') - Date.parse(row?.createdAt ?? ''), 600_000)
  t.assert.ok(
    Date.parse(row?.lastSeenAt ?? '') - Date.parse(row?.createdAt ?? '') >= 0,
    'the use was written',
  )
})

test('the last use of a session is stored after the response, once for concurrent requests', async (t: TestContext) => {
  const [one, two] = [await build(t, { DATABASE_URL }), await build(t, { DATABASE_URL })]
  const account = await makeUser(one.app)
  const cookie = await signIn(one.app, account)
  const own = eq(sessions.userId, account.id)
  const lastSeen = async () => {
    const [row] = await one.app.db.select().from(sessions).where(own)
    return Date.parse(row?.lastSeenAt ?? '')
  }
  const usesAfter = async (seconds: number) => {
    await one.app.db
      .update(sessions)
      .set({ lastSeenAt: ago(seconds) })
      .where(own)
    const before = await lastSeen()
    const seen: number[] = []
    for (const { app } of [one, two]) {
      for (let uses = 0; uses < 3; uses++) await send(app, 'GET', '/me', { cookie })
    }
    for (const { app } of [one, two]) {
      await app.lastUsed.flush()
      seen.push((await lastSeen()) - before)
    }
    return seen
  }
  t.assert.deepStrictEqual(await usesAfter(58), [0, 0])
  const [first = 0, second] = await usesAfter(61)
  t.assert.ok(first >= 61_000)
  t.assert.strictEqual(second, first, 'the other instance writes nothing')
})

test('storing the last use of an ended session does not restore it', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  await app.db
    .update(sessions)
    .set({ lastSeenAt: ago(61) })
    .where(eq(sessions.userId, account.id))
  await send(app, 'GET', '/me', { cookie })
  await send(app, 'POST', '/logout', { cookie })
  await app.lastUsed.flush()
  t.assert.deepStrictEqual(await storedSessions(app, account.id), [])
})

function ago(seconds: number) {
  return sql`CURRENT_TIMESTAMP(3) - INTERVAL ${seconds} SECOND`
}
