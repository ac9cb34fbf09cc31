import { type TestContext, test } from 'node:test'
import { eq } from 'drizzle-orm'
import { sessions, users } from '../../../db/schema.ts'
import { makeUser, signIn, storedSessions, storedUser } from '../../support/accounts.ts'
import { changeMeanwhile } from '../../support/blocked-change.ts'
import { build, send } from '../../support/build.ts'
import { createDatabase } from '../../support/database.ts'
import { assertError } from '../../support/error-answer.ts'

const DATABASE_URL = await createDatabase()
const NOBODY = Number.MAX_SAFE_INTEGER

test('me, with a session, is the own account and nothing secret', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const response = await send(app, 'GET', '/me', { cookie: await signIn(app, account) })

  const row = await storedUser(app, account.id)
  t.assert.strictEqual(response.statusCode, 200)
  t.assert.deepStrictEqual(response.json(), {
    id: account.id,
    username: account.username,
    role: 'user',
    createdAt: row?.createdAt.toISOString(),
  })
  t.assert.strictEqual(response.headers['cache-control'], 'no-store')
  t.assert.strictEqual(response.headers['set-cookie'], undefined)
})

test('me, without a session, is refused', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  assertError(t, await send(app, 'GET', '/me'), 401, 'UNAUTHENTICATED')
})

test('user, asked for by another user, shows id, name, role and creation alone', async (t: TestContext) => {
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
    createdAt: row?.createdAt.toISOString(),
  })
})

test('user, asked for by oneself, is the same as me', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const user = await send(app, 'GET', `/user/${account.id}`, { cookie })
  t.assert.strictEqual(user.statusCode, 200)
  t.assert.deepStrictEqual(user.json(), (await send(app, 'GET', '/me', { cookie })).json())
})

test('user, of an id that nobody has, is not found', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookie = await signIn(app, await makeUser(app))
  assertError(t, await send(app, 'GET', `/user/${NOBODY}`, { cookie }), 404, 'USER_NOT_FOUND')
})

test('user, without a session, is refused whether the id is valid, unknown or malformed', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { id } = await makeUser(app)
  for (const path of [id, NOBODY, 'x']) {
    assertError(t, await send(app, 'GET', `/user/${path}`), 401, 'UNAUTHENTICATED')
  }
})

test('user, read many times, writes nothing', async (t: TestContext) => {
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

test('deletion, by an admin, removes the account and ends all its sessions', async (t: TestContext) => {
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

test('deletion, with a JSON content type and no body, is done', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookie = await signIn(app, await makeUser(app, 'admin'))
  const { id } = await makeUser(app)
  const headers = { 'content-type': 'application/json' }
  const response = await send(app, 'DELETE', `/user/${id}`, { cookie, headers })
  t.assert.strictEqual(response.statusCode, 200)
  t.assert.strictEqual(await storedUser(app, id), undefined)
})

test('deletion, of the same account again, is not found, and its name is free', async (t: TestContext) => {
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

test('deletion, by a user, is refused alike for any id and changes nothing', async (t: TestContext) => {
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

test('deletion, of an admin by themselves, is a conflict and changes nothing', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const admin = await makeUser(app, 'admin')
  const cookie = await signIn(app, admin)
  const before = await storedUser(app, admin.id)
  assertError(t, await send(app, 'DELETE', `/user/${admin.id}`, { cookie }), 409, 'OWN_ACCOUNT')
  t.assert.deepStrictEqual(await storedUser(app, admin.id), before)
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie })).statusCode, 200)
})

test('deletion, where several checks fail, answers the first: session, permission, id, existence', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookie = await signIn(app, await makeUser(app, 'admin'))
  assertError(t, await send(app, 'DELETE', '/user/0'), 401, 'UNAUTHENTICATED')
  assertError(t, await send(app, 'DELETE', '/user/0', { cookie }), 400, 'VALIDATION_FAILED', [
    'params.id',
  ])
  assertError(t, await send(app, 'DELETE', `/user/${NOBODY}`, { cookie }), 404, 'USER_NOT_FOUND')
})

test('line 6: deletion by an admin who loses the right meanwhile is refused and changes nothing', async (t: TestContext) => {
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

test('deletion, of one account by two admins at once, succeeds for one of them', async (t: TestContext) => {
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

test('deletion, of each other by two admins at once, succeeds for one of them', async (t: TestContext) => {
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
