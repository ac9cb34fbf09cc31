import { type TestContext, test } from 'node:test'
import { makeUser, signIn } from '../support/accounts.ts'
import { build, send } from '../support/build.ts'
import { createDatabase } from '../support/database.ts'

const DATABASE_URL = await createDatabase()
const FOREIGN = { origin: 'https://evil.example' }
const OWN = { origin: 'http://localhost:80' }

test('line 9: a request of another site that changes state is refused, GET /logout and POST /login too', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app, 'admin')
  const cookie = await signIn(app, account)
  const { username, password } = account
  const changes = [
    ['POST', '/login', { username, password }],
    ['GET', '/logout', undefined],
    ['POST', '/logout', undefined],
    ['DELETE', '/sessions', undefined],
    ['PUT', `/user/update-password/${account.id}`, { password: 'something quite new' }],
  ] as const
  for (const [method, url, body] of changes) {
    for (const headers of [{ 'sec-fetch-site': 'cross-site' }, FOREIGN]) {
      const answer = await send(app, method, url, { cookie, headers, ...(body && { body }) })
      t.assert.strictEqual(answer.json().code, 'CROSS_SITE', `${method} ${url}`)
      t.assert.strictEqual(answer.headers['set-cookie'], undefined)
    }
  }
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie })).statusCode, 200)
})

test('line 9: clients without either header, pages of its own, and reads pass', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const { username, password } = account
  const body = { username, password }
  for (const headers of [{}, { 'sec-fetch-site': 'same-origin', ...FOREIGN }, OWN]) {
    const answer = await send(app, 'POST', '/login', { body, headers })
    t.assert.strictEqual(answer.statusCode, 200, JSON.stringify(headers))
  }
  const cookie = await signIn(app, account)
  const read = await send(app, 'GET', '/me', {
    cookie,
    headers: { 'sec-fetch-site': 'cross-site' },
  })
  t.assert.strictEqual(read.statusCode, 200)
})

test('an allowed origin passes and gets the headers of CORS; another gets none', async (t: TestContext) => {
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
