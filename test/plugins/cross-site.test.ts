import { type TestContext, test } from 'node:test'
import { createDatabase } from '../support/database/database.ts'
import { makeUser, signIn } from '../support/http/accounts.ts'
import { build, send } from '../support/http/build.ts'
import { assertError } from '../support/http/error-answer.ts'
import { buildWithRoutes } from '../support/http/route-table.ts'

const DATABASE_URL = await createDatabase()
const FOREIGN = { origin: 'https://evil.example' }
const OWN = { origin: 'http://localhost:80' }

test('a cross-site request to any route that changes state is refused and changes nothing', async (t: TestContext) => {
  const { app, routes } = await buildWithRoutes(t, { DATABASE_URL })
  const account = await makeUser(app, 'admin')
  const cookie = await signIn(app, account)
  const changing = routes.filter(
    ({ method, url }) =>
      (!['GET', 'HEAD'].includes(method) && url !== '/verify') || url === '/logout',
  )
  t.assert.ok(changing.length >= 12)
  for (const { method, url } of changing) {
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'cross-site', ...OWN },
      FOREIGN,
      { 'sec-fetch-site': 'some-site', ...FOREIGN },
      { origin: 'null' },
      { origin: 'https://localhost' },
      { origin: 'http://localhost:8080' },
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'same-site', origin: 'http://sibling.localhost' },
      { 'sec-fetch-site': 'same-site', origin: 'null' },
    ]) {
      const path = url.replace(':id', String(account.id))
      const body = { username: account.username, password: account.password }
      // The cast: a method of the table is one that `inject` takes.
      const answer = await send(app, method as 'POST', path, { cookie, headers, body })
      assertError(t, answer, 403, 'CROSS_SITE')
      t.assert.strictEqual(answer.headers['set-cookie'], undefined)
    }
  }
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie })).statusCode, 200)
})

test('requests from other clients, from pages of the same origin and by the user pass, and so does every read', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const { username, password } = account
  const body = { username, password }
  for (const headers of [
    {},
    { 'sec-fetch-site': 'same-origin', ...FOREIGN },
    { 'sec-fetch-site': 'same-site', ...OWN },
    { 'sec-fetch-site': 'none' },
    OWN,
  ]) {
    const answer = await send(app, 'POST', '/login', { body, headers })
    t.assert.strictEqual(answer.statusCode, 200, JSON.stringify(headers))
  }
  const cookie = await signIn(app, account)
  const headers = { 'sec-fetch-site': 'cross-site', ...FOREIGN }
  for (const url of ['/me', '/sessions', `/user/${account.id}`]) {
    t.assert.strictEqual((await send(app, 'GET', url, { cookie, headers })).statusCode, 200)
  }
})

test('a same-origin request through a TLS proxy passes if the proxy is trusted', async (t: TestContext) => {
  const headers = {
    origin: 'https://accounts.example',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'accounts.example',
  }
  for (const [proxy, status] of [
    ['127.0.0.1', 200],
    ['10.0.0.1', 403],
  ] as const) {
    const { app } = await build(t, { DATABASE_URL, TRUST_PROXY: proxy })
    const { username, password } = await makeUser(app)
    const answer = await send(app, 'POST', '/login', { body: { username, password }, headers })
    t.assert.strictEqual(answer.statusCode, status)
  }
})

test('a request from a sibling subdomain passes only if its origin is allowed', async (t: TestContext) => {
  const sibling = { origin: 'http://app.localhost', 'sec-fetch-site': 'same-site' }
  for (const [ALLOWED_ORIGINS, status] of [
    ['http://app.localhost', 200],
    ['http://other.localhost', 403],
  ] as const) {
    const { app } = await build(t, { DATABASE_URL, ALLOWED_ORIGINS })
    const account = await makeUser(app)
    const cookie = await signIn(app, account)
    const body = { username: account.username, password: account.password }
    const answers = [
      await send(app, 'POST', '/login', { body, headers: sibling }),
      await send(app, 'POST', '/tokens', { cookie, body: { name: 'x' }, headers: sibling }),
      await send(app, 'GET', '/logout', { cookie, headers: sibling }),
    ]
    for (const { statusCode } of answers) t.assert.strictEqual(statusCode, status)
    const link = { 'sec-fetch-site': 'same-site' }
    assertError(t, await send(app, 'GET', '/logout', { cookie, headers: link }), 403, 'CROSS_SITE')
    t.assert.strictEqual(
      (await send(app, 'GET', '/me', { cookie, headers: link })).statusCode,
      status === 200 ? 401 : 200,
    )
  }
})

test('a request from an allowed origin passes with CORS headers, and one from another origin gets none', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, ALLOWED_ORIGINS: 'https://app.example' })
  const { username, password } = await makeUser(app)
  const body = { username, password }
  const headers = { origin: 'https://app.example', 'sec-fetch-site': 'cross-site' }
  const allowed = await send(app, 'POST', '/login', { body, headers })
  t.assert.strictEqual(allowed.statusCode, 200)
  t.assert.strictEqual(allowed.headers['access-control-allow-origin'], 'https://app.example')
  t.assert.strictEqual(allowed.headers['access-control-allow-credentials'], 'true')
  const foreign = await send(app, 'POST', '/login', { body, headers: FOREIGN })
  t.assert.strictEqual(foreign.json().code, 'CROSS_SITE')
  t.assert.strictEqual(foreign.headers['access-control-allow-origin'], undefined)
})

test('a preflight request from an allowed origin gets the permitted methods and headers, and from another origin it does not', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, ALLOWED_ORIGINS: 'https://app.example' })
  const preflight = (origin: string) =>
    send(app, 'OPTIONS', '/user/1', {
      headers: { origin, 'access-control-request-method': 'PATCH' },
    })
  const allowed = await preflight('https://app.example')
  t.assert.strictEqual(allowed.statusCode, 204)
  t.assert.match(String(allowed.headers['access-control-allow-methods']), /PATCH/)
  const foreign = await preflight('https://evil.example')
  t.assert.strictEqual(foreign.headers['access-control-allow-origin'], undefined)
  t.assert.strictEqual((await send(app, 'OPTIONS', '/user/1')).statusCode, 204)
})
