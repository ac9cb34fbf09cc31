import { type TestContext, test } from 'node:test'
import { createDatabase } from '../support/database/database.ts'
import { createDatabaseLink } from '../support/database/database-link.ts'
import { makeUser, signIn } from '../support/http/accounts.ts'
import { build, send } from '../support/http/build.ts'
import { assertSecured, SECURITY_HEADERS } from '../support/http/security-headers.ts'

const DATABASE_URL = await createDatabase()

test('every response has the security headers, whatever its status', async (t: TestContext) => {
  const link = await createDatabaseLink(DATABASE_URL)
  t.after(() => link.cut())
  const { app } = await build(t, { DATABASE_URL: link.url, failing: true })
  app.get('/broken', () => {
    throw new Error('broken')
  })
  const admin = await makeUser(app, 'admin')
  const cookie = await signIn(app, admin)
  const { username, password } = admin
  const json = { 'content-type': 'application/json' }
  const foreign = { 'sec-fetch-site': 'cross-site' }
  const limits = { RATE_LIMIT_ENABLED: true, RATE_LIMIT_MAX: 1 }
  const { app: limited } = await build(t, { DATABASE_URL, ...limits })
  await send(limited, 'GET', '/')
  const answers = [
    [200, await send(app, 'GET', '/livez')],
    [200, await send(app, 'HEAD', '/livez')],
    [200, await send(app, 'POST', '/login', { body: { username, password } })],
    [400, await send(app, 'POST', '/login', { body: {} })],
    [400, await app.inject({ method: 'POST', url: '/login', headers: json, payload: '{' })],
    [400, await send(app, 'GET', '/user/%')],
    [400, await send(app, 'GET', '/user/0', { cookie })],
    [401, await send(app, 'GET', '/me')],
    [403, await send(app, 'PUT', '/user/update-password/1', { cookie })],
    [403, await send(app, 'POST', '/login', { headers: foreign })],
    [404, await send(app, 'GET', '/nothing')],
    [404, await send(app, 'GET', '/user/9007199254740991', { cookie })],
    [405, await send(app, 'DELETE', '/login')],
    [409, await send(app, 'DELETE', `/user/${admin.id}`, { cookie })],
    [413, await send(app, 'POST', '/login', { body: 'x'.repeat(16 * 1024) })],
    [415, await app.inject({ method: 'POST', url: '/login', payload: 'x' })],
    [429, await send(limited, 'GET', '/')],
    [500, await send(app, 'GET', '/broken')],
  ] as const
  for (const [status, response] of answers) {
    t.assert.strictEqual(response.statusCode, status, response.body)
    assertSecured(t, response.headers)
  }
  await link.cut()
  const away = await send(app, 'GET', '/readyz')
  t.assert.strictEqual(away.statusCode, 503)
  assertSecured(t, away.headers)
})

test('HSTS is sent if clients connect by TLS, and not otherwise', async (t: TestContext) => {
  for (const COOKIE_SECURE of [true, false]) {
    const { app } = await build(t, { DATABASE_URL, COOKIE_SECURE })
    for (const url of ['/livez', '/nothing', '/user/%']) {
      const { headers } = await send(app, 'GET', url)
      const expected = COOKIE_SECURE ? 'max-age=31536000' : undefined
      t.assert.strictEqual(headers['strict-transport-security'], expected)
      assertSecured(t, headers)
    }
  }
})

test('no response has a header that names the software', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  for (const url of ['/livez', '/nothing', '/user/%']) {
    const { headers } = await send(app, 'GET', url)
    t.assert.strictEqual(headers.server, undefined)
    t.assert.strictEqual(headers['x-powered-by'], undefined)
  }
  t.assert.ok(Object.keys(SECURITY_HEADERS).length >= 6)
})
