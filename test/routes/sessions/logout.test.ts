import { type TestContext, test } from 'node:test'
import { createDatabase } from '../../support/database/database.ts'
import { countRows, makeUser, signIn, storedSessions } from '../../support/http/accounts.ts'
import { build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'

const DATABASE_URL = await createDatabase()

for (const method of ['GET', 'POST'] as const) {
  test(`logout by ${method} ends this session, keeps the others and clears the cookie`, async (t: TestContext) => {
    const { app } = await build(t, { DATABASE_URL })
    const account = await makeUser(app)
    const kept = await signIn(app, account)
    const keptSessions = await storedSessions(app, account.id)
    const cookie = await signIn(app, account)

    const response = await send(app, method, '/logout', { cookie })

    t.assert.strictEqual(response.statusCode, 200)
    t.assert.deepStrictEqual(response.json(), { message: 'Logged out.' })
    t.assert.strictEqual(response.headers['cache-control'], 'no-store')
    t.assert.deepStrictEqual(await storedSessions(app, account.id), keptSessions)
    const cleared = response.cookies.map(({ name, value, path, expires }) => ({
      name,
      value,
      path,
      expired: (expires?.getTime() ?? Number.POSITIVE_INFINITY) < Date.now(),
    }))
    t.assert.deepStrictEqual(cleared, [{ name: 'session', value: '', path: '/', expired: true }])
    assertError(t, await send(app, 'GET', '/me', { cookie }), 401, 'UNAUTHENTICATED')
    t.assert.strictEqual((await send(app, 'GET', '/me', { cookie: kept })).statusCode, 200)
  })

  test(`logout by ${method} without a valid session is refused and ends no session`, async (t: TestContext) => {
    const { app } = await build(t, { DATABASE_URL })
    const account = await makeUser(app)
    const cookie = await signIn(app, account)
    await send(app, 'POST', '/logout', { cookie })
    await signIn(app, account)
    const before = await countRows(app)
    for (const dead of [cookie, 'session=forged', undefined]) {
      const response = await send(
        app,
        method,
        '/logout',
        dead === undefined ? {} : { cookie: dead },
      )
      assertError(t, response, 401, 'UNAUTHENTICATED')
      t.assert.strictEqual(response.headers.location, undefined)
    }
    t.assert.deepStrictEqual(await countRows(app), before)
  })
}

test('logout by POST with a JSON content type and no body succeeds', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const headers = { 'content-type': 'application/json' }
  const response = await send(app, 'POST', '/logout', { cookie, headers })
  t.assert.strictEqual(response.statusCode, 200)
  t.assert.deepStrictEqual(await storedSessions(app, account.id), [])
})

test('logout by HEAD is not allowed and ends no session', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const response = await send(app, 'HEAD', '/logout', { cookie })
  t.assert.strictEqual(response.statusCode, 405)
  t.assert.strictEqual(response.headers.allow, 'GET, POST')
  t.assert.strictEqual((await storedSessions(app, account.id)).length, 1)
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie })).statusCode, 200)
})

test('two concurrent logouts of one session end it without an error', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const answers = await Promise.all(
    (['GET', 'POST'] as const).map((method) => send(app, method, '/logout', { cookie })),
  )
  for (const { statusCode } of answers) t.assert.ok([200, 401].includes(statusCode))
  t.assert.deepStrictEqual(await storedSessions(app, account.id), [])
})
