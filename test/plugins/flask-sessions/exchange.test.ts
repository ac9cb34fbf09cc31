import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { eq } from 'drizzle-orm'
import { digest } from '../../../db/digest.ts'
import { events, sessions, usedCookies, users } from '../../../db/schema.ts'
import { MAX_AGE_MS } from '../../../plugins/flask-sessions/flask-cookie.ts'
import { createDatabase } from '../../support/database/database.ts'
import { createDatabaseLink } from '../../support/database/database-link.ts'
import { statementsDuring } from '../../support/database/statements.ts'
import { signFlaskCookie } from '../../support/flask-cookies.ts'
import {
  cookieOf,
  giveToken,
  makeUser,
  signIn,
  storedSessions,
} from '../../support/http/accounts.ts'
import { type App, build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'
import { EXCHANGE, FLASK_KEY, flaskCookieOf, makeImported } from '../../support/http/imported.ts'
import { until } from '../../support/until.ts'

const DATABASE_URL = await createDatabase()
const DAY_MS = 24 * 60 * 60 * 1_000

function buildExchanging(t: TestContext, settings = {}) {
  return build(t, { DATABASE_URL, ...EXCHANGE, ...settings })
}

async function usedRow(app: App, cookie: string) {
  const key = digest(cookie.replace('session=', ''))
  const [row] = await app.db.select().from(usedCookies).where(eq(usedCookies.digest, key))
  return row
}

/** Asserts that the cookie is refused and leaves no trace. */
async function assertRefused(t: TestContext, app: App, cookie: string, name?: string) {
  const response = await send(app, 'GET', '/me', { cookie })
  assertError(t, response, 401, 'UNAUTHENTICATED')
  t.assert.strictEqual(response.headers['set-cookie'], undefined, name)
  t.assert.strictEqual(await usedRow(app, cookie), undefined, name)
}

for (const [path, status] of [
  ['/me', 200],
  ['/user/:id', 200],
  ['/user/9007199254740991', 404],
  ['/user/x', 400],
  ['/users', 401],
] as const) {
  test(`a cookie of Flask, on GET ${path}, is exchanged once for a session`, async (t: TestContext) => {
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
    const used = await usedRow(app, cookie)
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
  })
}

test('a cookie of Flask, of an admin and with a change, acts for the account', async (t: TestContext) => {
  const { app } = await buildExchanging(t)
  const admin = await makeImported(app, { role: 'admin' })
  const other = await makeUser(app)
  const url = `/user/${other.id}`
  const body = { disabled: true }
  const response = await send(app, 'PATCH', url, { cookie: flaskCookieOf(admin), body })
  t.assert.strictEqual(response.statusCode, 200)
  t.assert.strictEqual(response.json().disabled, true)
})

test('a cookie of Flask, after the own session has ended, is exchanged', async (t: TestContext) => {
  const { app } = await buildExchanging(t, { COOKIE_SECURE: true })
  const account = await makeImported(app)
  const ended = await signIn(app, account)
  await app.db.delete(sessions).where(eq(sessions.userId, account.id))
  const cookie = `${ended}; ${flaskCookieOf(account)}`
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie })).statusCode, 200)
  t.assert.strictEqual((await storedSessions(app, account.id)).length, 1)
})

test('a cookie of Flask, beside a session or a token, is not exchanged', async (t: TestContext) => {
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
  t.assert.strictEqual(await usedRow(app, cookie), undefined)
})

test('a cookie of Flask is refused for an account that is disabled, deleted or not imported under its id', async (t: TestContext) => {
  const { app } = await buildExchanging(t)
  const disabled = await makeImported(app)
  await app.db.update(users).set({ disabled: true }).where(eq(users.id, disabled.id))
  const deleted = await makeImported(app)
  await app.db.delete(users).where(eq(users.id, deleted.id))
  const cases = {
    disabled,
    deleted,
    'not imported': await makeUser(app),
    'imported under another id': await makeImported(app, { keepsId: false }),
    'that never existed': { id: 9_007_199_254_740_991 },
  }
  for (const [name, account] of Object.entries(cases)) {
    await assertRefused(t, app, flaskCookieOf(account), name)
    t.assert.deepStrictEqual(await storedSessions(app, account.id), [], name)
  }
})

test('a cookie of Flask is refused if the sessions of the account ended since it was signed', async (t: TestContext) => {
  const { app } = await buildExchanging(t)
  const account = await makeImported(app)
  const end = new Date(Date.now() - 60_000)
  end.setMilliseconds(500)
  const sessionsEndedAt = end.toISOString()
  await app.db.update(users).set({ sessionsEndedAt }).where(eq(users.id, account.id))
  const at = (ms: number) => flaskCookieOf(account, new Date(end.getTime() + ms))
  await assertRefused(t, app, at(-1_000))
  await assertRefused(t, app, at(100), 'in the same second')
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie: at(1_000) })).statusCode, 200)
})

test('a password change and an end of all sessions end the cookies of Flask, too', async (t: TestContext) => {
  const { app } = await buildExchanging(t)
  const admin = await signIn(app, await makeUser(app, 'admin'))
  const body = { password: 'a wind from the old harbour' }
  for (const change of [
    (id: number) => send(app, 'PUT', `/user/update-password/${id}`, { cookie: admin, body }),
    (id: number) => send(app, 'DELETE', `/users/${id}/sessions`, { cookie: admin }),
  ]) {
    const account = await makeImported(app)
    t.assert.strictEqual((await change(account.id)).statusCode, 200)
    await assertRefused(t, app, flaskCookieOf(account))
    const later = flaskCookieOf(account, new Date(Date.now() + 2_000))
    t.assert.strictEqual((await send(app, 'GET', '/me', { cookie: later })).statusCode, 200)
  }
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

test('a cookie that is forged, expired or malformed causes no query', async (t: TestContext) => {
  const { app } = await buildExchanging(t)
  const account = await makeImported(app)
  const json = JSON.stringify({ _user_id: String(account.id) })
  const old = new Date(Date.now() - MAX_AGE_MS - 1_000)
  const cookies = [
    `session=${signFlaskCookie(json, { secretKey: 'another key' })}`,
    flaskCookieOf(account, old),
    flaskCookieOf(account, new Date(Date.now() + 120_000)),
    `${flaskCookieOf(account)}x`,
    `session=${signFlaskCookie('{}', { secretKey: FLASK_KEY })}`,
    `session="${flaskCookieOf(account).replace('session=', '')}"`,
  ]
  const { result, statements } = await statementsDuring(() =>
    Promise.all(cookies.map((cookie) => send(app, 'GET', '/me', { cookie }))),
  )
  for (const response of result) assertError(t, response, 401, 'UNAUTHENTICATED')
  t.assert.deepStrictEqual(statements, [])
  t.assert.strictEqual(
    (await send(app, 'GET', '/me', { cookie: flaskCookieOf(account) })).statusCode,
    200,
  )
})

test('without the settings, and after their date, a cookie of Flask causes no query', async (t: TestContext) => {
  const past = { ...EXCHANGE, FLASK_SESSIONS_UNTIL: '2020-01-01' }
  for (const settings of [{}, past]) {
    const { app } = await build(t, { DATABASE_URL, ...settings })
    const account = await makeImported(app)
    const cookie = flaskCookieOf(account)
    const { result, statements } = await statementsDuring(() => send(app, 'GET', '/me', { cookie }))
    assertError(t, result, 401, 'UNAUTHENTICATED')
    t.assert.deepStrictEqual(statements, [])
    await assertRefused(t, app, cookie)
  }
})

test('a request of a page on another site, whose browser would drop the cookie, leaves the cookie of Flask unused', async (t: TestContext) => {
  const { app } = await buildExchanging(t, { COOKIE_SECURE: true })
  const account = await makeImported(app)
  const cookie = flaskCookieOf(account)
  const site = { 'sec-fetch-site': 'cross-site' }
  const fetched = { ...site, 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }
  const framed = { ...site, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' }
  const followed = { ...site, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
  for (const headers of [fetched, framed]) {
    const response = await send(app, 'GET', '/me', { cookie, headers })
    assertError(t, response, 401, 'UNAUTHENTICATED')
    t.assert.strictEqual(await usedRow(app, cookie), undefined)
  }
  const { app: open } = await buildExchanging(t, { COOKIE_SECURE: true, COOKIE_SAME_SITE: 'none' })
  for (const [server, headers] of [
    [app, followed],
    [open, fetched],
  ] as const) {
    const fresh = { cookie: flaskCookieOf(account), headers }
    t.assert.strictEqual((await send(server, 'GET', '/me', fresh)).statusCode, 200)
  }
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
