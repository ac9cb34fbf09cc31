import { type TestContext, test } from 'node:test'
import { usedCookies } from '../../../db/schema.ts'
import { createDatabase } from '../../support/database/database.ts'
import { giveToken, makeUser, signIn, storedSessions } from '../../support/http/accounts.ts'
import { type App, build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'
import { EXCHANGE, flaskCookieOf, makeImported } from '../../support/http/imported.ts'

const DATABASE_URL = await createDatabase()
const SECURE = { DATABASE_URL, ...EXCHANGE, COOKIE_SECURE: true }
/** @fastify/session sends a `Secure` cookie by TLS only. */
const headers = { 'x-forwarded-proto': 'https' }

type Response = Awaited<ReturnType<typeof send>>

/** Asserts that the response deletes the cookie, exactly once. */
function assertCleared(t: TestContext, { cookies }: Response, name: string) {
  const own = cookies.filter((cookie) => cookie.name === name)
  t.assert.deepStrictEqual(
    own.map(({ value, path, maxAge }) => ({ value, path, maxAge })),
    [{ value: '', path: '/', maxAge: 0 }],
  )
}

async function assertRevoked(t: TestContext, app: App, id: number, cookie: string) {
  assertError(t, await send(app, 'GET', '/me', { cookie }), 401, 'UNAUTHENTICATED')
  t.assert.deepStrictEqual(await storedSessions(app, id), [])
}

for (const [method, path] of [
  ['GET', '/logout'],
  ['POST', '/logout'],
  ['DELETE', '/sessions/:current'],
] as const) {
  test(`${method} ${path}, with the cookie of a session and a Flask cookie, ends the session and revokes the Flask cookie`, async (t: TestContext) => {
    const { app } = await build(t, SECURE)
    const account = await makeImported(app)
    const [session, flask] = [await signIn(app, account), flaskCookieOf(account)]
    const [current] = await storedSessions(app, account.id)
    const url = path.replace(':current', String(current))
    const response = await send(app, method, url, { cookie: `${session}; ${flask}` })
    t.assert.strictEqual(response.statusCode, 200)
    assertCleared(t, response, '__Host-session')
    assertCleared(t, response, 'session')
    t.assert.strictEqual(response.cookies.at(-1)?.name, 'session', 'the last one')
    await assertRevoked(t, app, account.id, flask)
    const [used] = await app.db.select().from(usedCookies)
    t.assert.strictEqual(used?.sessionDigest, null)
    await app.db.delete(usedCookies)
  })
}

for (const COOKIE_SECURE of [true, false]) {
  test(`a logout with a Flask cookie alone revokes the cookie, with COOKIE_SECURE=${COOKIE_SECURE}`, async (t: TestContext) => {
    const { app } = await build(t, { ...SECURE, COOKIE_SECURE })
    const account = await makeImported(app)
    const flask = flaskCookieOf(account)
    const response = await send(app, 'POST', '/logout', { cookie: flask })
    t.assert.strictEqual(response.statusCode, 200)
    assertCleared(t, response, 'session')
    assertCleared(t, response, app.sessionCookie.name)
    t.assert.strictEqual(response.cookies.length, COOKIE_SECURE ? 2 : 1)
    await assertRevoked(t, app, account.id, flask)
  })
}

test('a logout of one account with the Flask cookie of another ends the session and revokes the cookie', async (t: TestContext) => {
  const { app } = await build(t, SECURE)
  const [account, other] = [await makeImported(app), await makeImported(app)]
  const [session, flask] = [await signIn(app, account), flaskCookieOf(other)]
  const response = await send(app, 'POST', '/logout', { cookie: `${session}; ${flask}` })
  t.assert.strictEqual(response.statusCode, 200)
  await assertRevoked(t, app, other.id, flask)
})

test('a logout with a token leaves the Flask cookie beside it valid', async (t: TestContext) => {
  const { app } = await build(t, SECURE)
  const account = await makeImported(app)
  const { headers: token } = await giveToken(app, account)
  const cookie = flaskCookieOf(account)
  const response = await send(app, 'POST', '/logout', { cookie, headers: token })
  t.assert.strictEqual(response.statusCode, 200)
  t.assert.deepStrictEqual(response.cookies, [])
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie })).statusCode, 200)
})

test('the end of another session leaves the Flask cookie of the request valid', async (t: TestContext) => {
  const { app } = await build(t, SECURE)
  const account = await makeImported(app)
  await signIn(app, account)
  const [other] = await storedSessions(app, account.id)
  const cookie = flaskCookieOf(account)
  const both = { cookie: `${await signIn(app, account)}; ${cookie}` }
  t.assert.strictEqual((await send(app, 'DELETE', `/sessions/${other}`, both)).statusCode, 200)
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie })).statusCode, 200)
})

for (const COOKIE_SECURE of [true, false]) {
  test(`a login revokes the Flask cookie of its request, with COOKIE_SECURE=${COOKIE_SECURE}`, async (t: TestContext) => {
    const { app } = await build(t, { ...SECURE, COOKIE_SECURE })
    const account = await makeImported(app)
    const { username, password } = await makeUser(app)
    const flask = flaskCookieOf(account)
    const body = { username, password: `${password} but wrong` }
    const before = await app.db.$count(usedCookies)
    const wrong = await send(app, 'POST', '/login', { cookie: flask, body, headers })
    assertError(t, wrong, 400, 'INVALID_CREDENTIALS')
    t.assert.deepStrictEqual(wrong.cookies, [])
    t.assert.strictEqual(await app.db.$count(usedCookies), before)

    const right = { cookie: flask, body: { username, password }, headers }
    const response = await send(app, 'POST', '/login', right)
    t.assert.strictEqual(response.statusCode, 200)
    const own = response.cookies.filter(({ name }) => name === app.sessionCookie.name)
    t.assert.strictEqual(own.length, 1)
    t.assert.match(own[0]?.value ?? '', /^.{32}\./)
    if (COOKIE_SECURE) assertCleared(t, response, 'session')
    t.assert.strictEqual(response.cookies.length, COOKIE_SECURE ? 2 : 1)
    await assertRevoked(t, app, account.id, flask)
  })
}

test('a login or a logout, with a Flask cookie after the date, neither uses nor deletes it', async (t: TestContext) => {
  const { app } = await build(t, { ...SECURE, FLASK_SESSIONS_UNTIL: '2020-01-01' })
  const account = await makeImported(app)
  const flask = flaskCookieOf(account)
  const before = await app.db.$count(usedCookies)
  const cookie = `${await signIn(app, account)}; ${flask}`
  const logout = await send(app, 'POST', '/logout', { cookie })
  const { username, password } = account
  const login = await send(app, 'POST', '/login', { cookie, headers, body: { username, password } })
  for (const { statusCode, cookies } of [logout, login]) {
    t.assert.strictEqual(statusCode, 200)
    t.assert.deepStrictEqual(
      cookies.map(({ name }) => name),
      ['__Host-session'],
    )
  }
  t.assert.strictEqual(await app.db.$count(usedCookies), before)
})
