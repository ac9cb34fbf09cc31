import { type TestContext, test } from 'node:test'
import { eq } from 'drizzle-orm'
import { users } from '../../../db/schema.ts'
import { createDatabase } from '../../support/database/database.ts'
import { statementsDuring } from '../../support/database/statements.ts'
import { MAX_AGE_MS, signFlaskCookie } from '../../support/flask-cookies.ts'
import { makeUser, signIn, storedSessions } from '../../support/http/accounts.ts'
import { type App, build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'
import {
  EXCHANGE,
  FLASK_KEY,
  flaskCookieOf,
  makeImported,
  usedCookieOf,
} from '../../support/http/imported.ts'

const DATABASE_URL = await createDatabase()

function buildExchanging(t: TestContext, settings = {}) {
  return build(t, { DATABASE_URL, ...EXCHANGE, ...settings })
}

/** Asserts that the cookie is refused, and that no row marks it as used. */
async function assertRefused(t: TestContext, app: App, cookie: string, name?: string) {
  const response = await send(app, 'GET', '/me', { cookie })
  assertError(t, response, 401, 'UNAUTHENTICATED')
  t.assert.strictEqual(response.headers['set-cookie'], undefined, name)
  t.assert.strictEqual(await usedCookieOf(app, cookie), undefined, name)
}

test('a Flask cookie is refused for an account that is disabled, deleted or not imported under its id', async (t: TestContext) => {
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

test('a Flask cookie is refused if the sessions of the account ended since it was signed', async (t: TestContext) => {
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

test('a password change and an end of all sessions revoke the Flask cookies, too', async (t: TestContext) => {
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

test('a cookie older than FLASK_SESSION_LIFETIME is refused', async (t: TestContext) => {
  const { app } = await buildExchanging(t, { FLASK_SESSION_LIFETIME: 3_600 })
  const account = await makeImported(app)
  const signedAgo = (seconds: number) =>
    flaskCookieOf(account, new Date(Date.now() - seconds * 1_000))
  await assertRefused(t, app, signedAgo(3_602))
  const cookie = signedAgo(3_500)
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie })).statusCode, 200)
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

test('without the settings, and after their date, a Flask cookie causes no query', async (t: TestContext) => {
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

test('a request of a page on another site, whose browser would drop the cookie, leaves the Flask cookie unused', async (t: TestContext) => {
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
    t.assert.strictEqual(await usedCookieOf(app, cookie), undefined)
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
