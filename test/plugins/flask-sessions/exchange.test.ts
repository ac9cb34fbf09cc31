import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { eq } from 'drizzle-orm'
import { events, sessions } from '../../../db/schema.ts'
import { createDatabase } from '../../support/database/database.ts'
import { createDatabaseLink } from '../../support/database/database-link.ts'
import { MAX_AGE_MS } from '../../support/flask-cookies.ts'
import {
  cookieOf,
  giveToken,
  makeUser,
  signIn,
  storedSessions,
} from '../../support/http/accounts.ts'
import { build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'
import { EXCHANGE, flaskCookieOf, makeImported, usedCookieOf } from '../../support/http/imported.ts'
import { until } from '../../support/until.ts'

const DATABASE_URL = await createDatabase()
const DAY_MS = 24 * 60 * 60 * 1_000

function buildExchanging(t: TestContext, settings = {}) {
  return build(t, { DATABASE_URL, ...EXCHANGE, ...settings })
}

for (const [path, status] of [
  ['/me', 200],
  ['/user/:id', 200],
  ['/user/9007199254740991', 404],
  ['/user/x', 400],
  ['/users', 401],
] as const) {
  test(`a Flask cookie, on GET ${path}, is exchanged once for a session`, async (t: TestContext) => {
    const { app } = await buildExchanging(t)
    const account = await makeImported(app)
    const cookie = flaskCookieOf(account)
    const url = path.replace(':id', String(account.id))
    const headers = { 'user-agent': 'a browser' }
    const response = await send(app, 'GET', url, { cookie, headers })
    t.assert.strictEqual(response.statusCode, status)
    if (status === 200) t.assert.strictEqual(response.json().username, account.username)

    const own = cookieOf(response)
    const again = await send(app, 'GET', '/me', { cookie: own })
    t.assert.strictEqual(again.json().id, account.id)
    t.assert.strictEqual(again.headers['set-cookie'], undefined)
    const refused = await send(app, 'GET', url, { cookie })
    assertError(t, refused, 401, 'UNAUTHENTICATED')
    t.assert.strictEqual(refused.headers['set-cookie'], undefined)

    const rows = await app.db.select().from(sessions).where(eq(sessions.userId, account.id))
    t.assert.strictEqual(rows.length, 1)
    t.assert.strictEqual(rows[0]?.userAgent, 'a browser')
    t.assert.strictEqual(rows[0]?.address, '127.0.0.1')
    const used = await usedCookieOf(app, cookie)
    t.assert.deepStrictEqual(used?.sessionDigest, rows[0]?.digest)
    const kept = Date.parse(used?.expiresAt ?? '') - Date.now()
    t.assert.ok(kept > MAX_AGE_MS - DAY_MS && kept <= MAX_AGE_MS + 60_000)
    const recorded = await app.db.select().from(events).where(eq(events.userId, account.id))
    const [event, ...others] = recorded
    t.assert.deepStrictEqual(others, [])
    t.assert.strictEqual(event?.type, 'login')
    t.assert.strictEqual(event?.actorId, account.id)
    t.assert.strictEqual(event?.detail, '{"exchanged":true}')
    t.assert.strictEqual(event?.requestId, response.headers['x-request-id'])
  })
}

for (const settings of [
  { COOKIE_SECURE: false },
  { COOKIE_SECURE: true },
  { COOKIE_SECURE: true, COOKIE_SAME_SITE: 'none' as const },
  { COOKIE_SECURE: true, COOKIE_PERSISTENT: true, SESSION_LIFETIME: 7_200 },
]) {
  test(`the cookie of an exchange has the attributes of a login, with ${JSON.stringify(settings)}`, async (t: TestContext) => {
    const { app } = await buildExchanging(t, settings)
    const { username, password, ...account } = await makeImported(app)
    const body = { username, password }
    // @fastify/session sends a `Secure` cookie by TLS only.
    const headers = { 'x-forwarded-proto': 'https' }
    const login = await send(app, 'POST', '/login', { body, headers })
    const exchanged = await send(app, 'GET', '/me', { cookie: flaskCookieOf(account), headers })
    t.assert.strictEqual(exchanged.statusCode, 200)
    const shape = ({ headers: sent }: typeof login) =>
      [sent['set-cookie']].flat().map((line) => {
        const [, name, id, signature, rest] =
          /^([^=]+)=([\w-]+)\.([^;]+)(;.*)$/.exec(line ?? '') ?? []
        return { name, length: id?.length, isSigned: signature !== undefined, rest }
      })
    const [own] = shape(exchanged)
    t.assert.strictEqual(own?.length, 32)
    t.assert.deepStrictEqual(shape(exchanged), shape(login))
    const maxAge = settings.COOKIE_PERSISTENT ? '7200' : undefined
    t.assert.strictEqual(/Max-Age=([0-9]+);/.exec(own?.rest ?? '')?.[1], maxAge)
  })
}

test('a Flask cookie, of an admin and with a change, acts for the account', async (t: TestContext) => {
  const { app } = await buildExchanging(t)
  const admin = await makeImported(app, { role: 'admin' })
  const other = await makeUser(app)
  const url = `/user/${other.id}`
  const body = { disabled: true }
  const response = await send(app, 'PATCH', url, { cookie: flaskCookieOf(admin), body })
  t.assert.strictEqual(response.statusCode, 200)
  t.assert.strictEqual(response.json().disabled, true)
})

test('a Flask cookie, after the own session has ended, is exchanged', async (t: TestContext) => {
  const { app } = await buildExchanging(t, { COOKIE_SECURE: true })
  const account = await makeImported(app)
  const ended = await signIn(app, account)
  await app.db.delete(sessions).where(eq(sessions.userId, account.id))
  const cookie = `${ended}; ${flaskCookieOf(account)}`
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie })).statusCode, 200)
  t.assert.strictEqual((await storedSessions(app, account.id)).length, 1)
})

test('a Flask cookie, beside a session or a token, is not exchanged', async (t: TestContext) => {
  const { app } = await buildExchanging(t, { COOKIE_SECURE: true })
  const account = await makeImported(app)
  const other = await makeUser(app)
  const cookie = flaskCookieOf(account)
  const { headers: token } = await giveToken(app, other)
  const session = await signIn(app, other)
  for (const request of [{ cookie: `${session}; ${cookie}` }, { cookie, headers: token }]) {
    const response = await send(app, 'GET', '/me', request)
    t.assert.strictEqual(response.json().id, other.id)
    t.assert.strictEqual(response.headers['set-cookie'], undefined)
  }
  for (const authorization of [`Bearer gh_${randomBytes(32).toString('base64url')}`, 'Bearer x']) {
    const response = await send(app, 'GET', '/me', { cookie, headers: { authorization } })
    assertError(t, response, 401, 'UNAUTHENTICATED')
  }
  t.assert.strictEqual(await usedCookieOf(app, cookie), undefined)
})

test('an exchange above the limit of sessions ends the oldest one, with an event', async (t: TestContext) => {
  const { app } = await buildExchanging(t, { MAX_SESSIONS: 2 })
  const account = await makeImported(app)
  const [first, second] = [await signIn(app, account), await signIn(app, account)]
  const own = cookieOf(await send(app, 'GET', '/me', { cookie: flaskCookieOf(account) }))
  const statuses: number[] = []
  for (const cookie of [first, second, own]) {
    statuses.push((await send(app, 'GET', '/me', { cookie })).statusCode)
  }
  t.assert.deepStrictEqual(statuses, [401, 200, 200])
  const recorded = await app.db.select().from(events).where(eq(events.userId, account.id))
  t.assert.deepStrictEqual(
    recorded.map(({ type }) => type),
    ['session_ended', 'login'],
  )
})

test('an exchange, while the database is down, is a 503 and leaves the cookie unused', async (t: TestContext) => {
  const link = await createDatabaseLink(DATABASE_URL)
  t.after(() => link.cut())
  const { app } = await buildExchanging(t, { DATABASE_URL: link.url, failing: true })
  const account = await makeImported(app)
  const cookie = flaskCookieOf(account)
  await link.cut()
  const failed = await send(app, 'GET', '/me', { cookie })
  assertError(t, failed, 503, 'SERVICE_UNAVAILABLE')
  t.assert.strictEqual(failed.headers['set-cookie'], undefined)
  await link.mend()
  let response = failed
  await until(
    async () => {
      response = await send(app, 'GET', '/me', { cookie })
      return response.statusCode !== 503
    },
    () => response.body,
  )
  t.assert.strictEqual(response.statusCode, 200)
})
