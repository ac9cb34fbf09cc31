import { type TestContext, test } from 'node:test'
import { createDatabase } from '../support/database/database.ts'
import { makeUser, signIn } from '../support/http/accounts.ts'
import { build, send } from '../support/http/build.ts'

const DATABASE_URL = await createDatabase()

test('an operation without a body accepts no body or an empty object, and refuses properties', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app, 'admin')
  for (const body of [{ a: 1 }, [], 'x', 1, null]) {
    const cookie = await signIn(app, account)
    const refused = await send(app, 'POST', '/logout', { cookie, body })
    t.assert.strictEqual(refused.statusCode, 400, JSON.stringify(body))
    t.assert.deepStrictEqual(refused.json().errors, [{ path: 'body', message: 'must be absent' }])
    t.assert.strictEqual((await send(app, 'GET', '/me', { cookie })).statusCode, 200)
  }
  const empty = await send(app, 'POST', '/logout', {
    cookie: await signIn(app, account),
    body: {},
  })
  t.assert.strictEqual(empty.statusCode, 200)
})

test('one byte order mark before a body is ignored, and a second one is invalid JSON', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { username, password } = await makeUser(app)
  const login = (marks: string) =>
    app.inject({
      method: 'POST',
      url: '/login',
      headers: { 'content-type': 'application/json' },
      payload: marks + JSON.stringify({ username, password }),
    })
  t.assert.strictEqual((await login('\ufeff')).statusCode, 200)
  t.assert.strictEqual((await login('\ufeff\ufeff')).json().code, 'INVALID_JSON')
})

test('a body for an unknown path or method is not read, and the response is a 404 or 405', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const bodies: [string, string][] = [
    ['application/json', '{'],
    ['application/json', 'x'.repeat(17_000)],
    ['a;b/c', 'x'],
  ]
  for (const [type, payload] of bodies) {
    const ask = (method: 'POST' | 'PUT', url: string) =>
      app.inject({ method, url, headers: { 'content-type': type }, payload })
    t.assert.strictEqual((await ask('PUT', '/livez')).statusCode, 405)
    t.assert.strictEqual((await ask('POST', '/nothing')).statusCode, 404)
    t.assert.strictEqual((await ask('POST', `/user/${'1'.repeat(200)}`)).statusCode, 405)
  }
})
