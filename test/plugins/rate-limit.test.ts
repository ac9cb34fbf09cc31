import { type TestContext, test } from 'node:test'
import { makeUser, signIn } from '../support/accounts.ts'
import { build, send } from '../support/build.ts'
import { createDatabase } from '../support/database.ts'
import { assertError } from '../support/error-answer.ts'
import { assertSecured } from '../support/security-headers.ts'

const DATABASE_URL = await createDatabase()
const REQUESTS = 6_000

test('an address, beyond its 6,000 requests a minute, is refused everywhere, and others are not', async (t: TestContext) => {
  const options = { DATABASE_URL, RATE_LIMIT_ENABLED: true, LOG_LEVEL: 'silent' } as const
  const { app } = await build(t, options)
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const first = await send(app, 'GET', '/livez')
  t.assert.strictEqual(first.headers['ratelimit-limit'], String(REQUESTS))
  t.assert.strictEqual(first.headers['ratelimit-remaining'], String(REQUESTS - 1))
  for (let count = 1; count < REQUESTS; count++) await app.inject('/livez')

  const { username, password } = account
  for (const refused of [
    await send(app, 'GET', '/livez'),
    await send(app, 'GET', '/me', { cookie }),
    await send(app, 'POST', '/login', { body: { username, password } }),
    await send(app, 'GET', '/nothing'),
    await send(app, 'GET', '/livez', { headers: { 'x-forwarded-for': '192.0.2.7' } }),
  ]) {
    assertError(t, refused, 429, 'TOO_MANY_REQUESTS')
    assertSecured(t, refused.headers)
    t.assert.match(String(refused.headers['retry-after']), /^([1-9]|[1-5]\d|60)$/)
    t.assert.strictEqual(refused.headers['set-cookie'], undefined)
  }
  const other = await app.inject({ url: '/me', remoteAddress: '192.0.2.8', headers: { cookie } })
  t.assert.strictEqual(other.statusCode, 200)
})

test('an address, where the limit is switched off, is told of none', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { headers } = await send(app, 'GET', '/livez')
  t.assert.deepStrictEqual(
    Object.keys(headers).filter((name) => name.includes('ratelimit')),
    [],
  )
})
