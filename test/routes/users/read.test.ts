import { type TestContext, test } from 'node:test'
import { eq } from 'drizzle-orm'
import { sessions, users } from '../../../db/schema.ts'
import { changeMeanwhile } from '../../support/database/blocked-change.ts'
import { createDatabase } from '../../support/database/database.ts'
import { makeUser, signIn, storedSessions, storedUser } from '../../support/http/accounts.ts'
import { build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'

const DATABASE_URL = await createDatabase()
const NOBODY = Number.MAX_SAFE_INTEGER

test('GET /me returns the account of the session without secrets', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const response = await send(app, 'GET', '/me', { cookie: await signIn(app, account) })

  const row = await storedUser(app, account.id)
  t.assert.strictEqual(response.statusCode, 200)
  t.assert.deepStrictEqual(response.json(), {
    id: account.id,
    username: account.username,
    role: 'user',
    createdAt: row?.createdAt,
  })
  t.assert.strictEqual(response.headers['cache-control'], 'no-store')
  t.assert.strictEqual(response.headers['set-cookie'], undefined)
})

test('GET /me without a session is refused', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  assertError(t, await send(app, 'GET', '/me'), 401, 'UNAUTHENTICATED')
})

test('GET /user/{id} by another user returns only id, username, role and creation', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookie = await signIn(app, await makeUser(app))
  const other = await makeUser(app, 'admin')
  const response = await send(app, 'GET', `/user/${other.id}`, { cookie })

  const row = await storedUser(app, other.id)
  t.assert.strictEqual(response.statusCode, 200)
  t.assert.deepStrictEqual(response.json(), {
    id: other.id,
    username: other.username,
    role: 'admin',
    createdAt: row?.createdAt,
  })
})

test('GET /user/{id} of the own account returns the same as GET /me', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const user = await send(app, 'GET', `/user/${account.id}`, { cookie })
  t.assert.strictEqual(user.statusCode, 200)
  t.assert.deepStrictEqual(user.json(), (await send(app, 'GET', '/me', { cookie })).json())
})

test('GET /user/{id} of an unknown id returns a 404', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookie = await signIn(app, await makeUser(app))
  assertError(t, await send(app, 'GET', `/user/${NOBODY}`, { cookie }), 404, 'USER_NOT_FOUND')
})

test('GET /user/{id} without a session is refused for valid, unknown and malformed ids', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { id } = await makeUser(app)
  for (const path of [id, NOBODY, 'x']) {
    assertError(t, await send(app, 'GET', `/user/${path}`), 401, 'UNAUTHENTICATED')
  }
})

test('GET /user/{id} writes nothing', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const before = await storedUser(app, account.id)
  const sessionsBefore = await storedSessions(app, account.id)
  for (const method of ['GET', 'HEAD', 'GET'] as const) {
    t.assert.strictEqual(
      (await send(app, method, `/user/${account.id}`, { cookie })).statusCode,
      200,
    )
  }
  t.assert.deepStrictEqual(await storedUser(app, account.id), before)
  t.assert.deepStrictEqual(await storedSessions(app, account.id), sessionsBefore)
})

test('deletion by an admin deletes the account and ends all its sessions', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const admin = await makeUser(app, 'admin')
  const cookie = await signIn(app, admin)
  const account = await makeUser(app)
  const cookies = [await signIn(app, account), await signIn(app, account)]

  const response = await send(app, 'DELETE', `/user/${account.id}`, { cookie })

  t.assert.strictEqual(response.statusCode, 200)
  t.assert.deepStrictEqual(response.json(), { message: 'User deleted.' })
  t.assert.strictEqual(await storedUser(app, account.id), undefined)
  t.assert.deepStrictEqual(await storedSessions(app, account.id), [])
  for (const ended of cookies) {
    assertError(t, await send(app, 'GET', '/me', { cookie: ended }), 401, 'UNAUTHENTICATED')
  }
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie })).statusCode, 200)
})

test('deletion with a JSON content type and no body succeeds', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookie = await signIn(app, await makeUser(app, 'admin'))
  const { id } = await makeUser(app)
  const headers = { 'content-type': 'application/json' }
  const response = await send(app, 'DELETE', `/user/${id}`, { cookie, headers })
  t.assert.strictEqual(response.statusCode, 200)
  t.assert.strictEqual(await storedUser(app, id), undefined)
})

test('a second deletion returns a 404, and the username can be registered again', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookie = await signIn(app, await makeUser(app, 'admin'))
  const { id, username, password } = await makeUser(app)
  await send(app, 'DELETE', `/user/${id}`, { cookie })
  assertError(t, await send(app, 'DELETE', `/user/${id}`, { cookie }), 404, 'USER_NOT_FOUND')
  const login = await send(app, 'POST', '/login', { body: { username, password } })
  assertError(t, login, 400, 'INVALID_CREDENTIALS')
  const again = await send(app, 'POST', '/user', { body: { username, password } })
  t.assert.strictEqual(again.statusCode, 200)
  t.assert.notStrictEqual(again.json().user.id, id)
})

test('deletion by a user is refused with the same response for any id and changes nothing', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const other = await makeUser(app)
  const cookie = await signIn(app, account)
  for (const id of [account.id, other.id, NOBODY, '01', 'x']) {
    assertError(t, await send(app, 'DELETE', `/user/${id}`, { cookie }), 401, 'NOT_PERMITTED')
  }
  t.assert.ok(await storedUser(app, account.id))
  t.assert.ok(await storedUser(app, other.id))
})

test('deletion of the own account by an admin is a conflict and changes nothing', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const admin = await makeUser(app, 'admin')
  const cookie = await signIn(app, admin)
  const before = await storedUser(app, admin.id)
  assertError(t, await send(app, 'DELETE', `/user/${admin.id}`, { cookie }), 409, 'OWN_ACCOUNT')
  t.assert.deepStrictEqual(await storedUser(app, admin.id), before)
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie })).statusCode, 200)
})

test('deletion checks session, permission, id and existence in this order', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookie = await signIn(app, await makeUser(app, 'admin'))
  assertError(t, await send(app, 'DELETE', '/user/0'), 401, 'UNAUTHENTICATED')
  assertError(t, await send(app, 'DELETE', '/user/0', { cookie }), 400, 'VALIDATION_FAILED', [
    'params.id',
  ])
  assertError(t, await send(app, 'DELETE', `/user/${NOBODY}`, { cookie }), 404, 'USER_NOT_FOUND')
})

test('deletion by an admin who is demoted meanwhile is refused and changes nothing', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  for (const loss of ['role', 'disabled', 'session'] as const) {
    const admin = await makeUser(app, 'admin')
    const cookie = await signIn(app, admin)
    const { id } = await makeUser(app)
    const response = await changeMeanwhile(
      app,
      admin.id,
      () => send(app, 'DELETE', `/user/${id}`, { cookie }),
      (tx) => {
        if (loss === 'session') return tx.delete(sessions).where(eq(sessions.userId, admin.id))
        const change = loss === 'role' ? { role: 'user' as const } : { disabled: true }
        return tx.update(users).set(change).where(eq(users.id, admin.id))
      },
    )
    assertError(t, response, 401, loss === 'role' ? 'NOT_PERMITTED' : 'UNAUTHENTICATED')
    t.assert.ok(await storedUser(app, id), `an admin who lost their ${loss} deletes nothing`)
  }
})

test('two concurrent deletions of one account succeed once', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookies = [
    await signIn(app, await makeUser(app, 'admin')),
    await signIn(app, await makeUser(app, 'admin')),
  ]
  const { id } = await makeUser(app)
  const answers = await Promise.all(
    cookies.map((cookie) => send(app, 'DELETE', `/user/${id}`, { cookie })),
  )
  const statuses = answers.map(({ statusCode }) => statusCode).sort()
  t.assert.deepStrictEqual(statuses, [200, 404])
})

test('two admins who concurrently delete each other succeed once', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const first = await makeUser(app, 'admin')
  const second = await makeUser(app, 'admin')
  const answers = await Promise.all([
    send(app, 'DELETE', `/user/${second.id}`, { cookie: await signIn(app, first) }),
    send(app, 'DELETE', `/user/${first.id}`, { cookie: await signIn(app, second) }),
  ])
  const statuses = answers.map(({ statusCode }) => statusCode).sort()
  t.assert.deepStrictEqual(statuses, [200, 401])
})
