import { createHash } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { eq } from 'drizzle-orm'
import { sessions } from '../../../db/schema.ts'
import { createDatabase } from '../../support/database/database.ts'
import {
  cookieOf,
  countRows,
  makeUser,
  signIn,
  storedSessions,
} from '../../support/http/accounts.ts'
import { type App, build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'

const DATABASE_URL = await createDatabase()
const OLD = 'the old secret of the tests that is long enough'
const NEW = 'the new secret of the tests that is long enough'

test('the cookie of a login without TLS is HttpOnly and SameSite, for all paths', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { header } = await logIn(app)
  t.assert.match(header, /^session=[^;]+; Path=\/; HttpOnly; SameSite=Lax$/)
})

test('the cookie of a login with COOKIE_PERSISTENT lasts as long as its session can, and a logout deletes it', async (t: TestContext) => {
  for (const SESSION_LIFETIME of [300, 31_536_000]) {
    const { app } = await build(t, { DATABASE_URL, COOKIE_PERSISTENT: true, SESSION_LIFETIME })
    const { id, header, cookie } = await logIn(app)
    const attributes = `Max-Age=${SESSION_LIFETIME}; Path=/; HttpOnly; SameSite=Lax`
    t.assert.strictEqual(header, `${cookie}; ${attributes}`)
    const [row] = await app.db.select().from(sessions).where(eq(sessions.userId, id))
    const lifetimeMs = Date.parse(row?.expiresAt ?? '') - Date.parse(row?.createdAt ?? '')
    t.assert.strictEqual(lifetimeMs, SESSION_LIFETIME * 1_000)

    const me = await send(app, 'GET', '/me', { cookie })
    t.assert.strictEqual(me.headers['set-cookie'], undefined)
    const logout = await send(app, 'POST', '/logout', { cookie })
    t.assert.match(
      String(logout.headers['set-cookie']),
      /^session=; Max-Age=0; Path=\/; Expires=Thu/,
    )
    t.assert.deepStrictEqual(await storedSessions(app, id), [])
  }
})

test('the cookie of a login with TLS is also Secure, with a __Host- name', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, COOKIE_SECURE: true, TRUST_PROXY: '127.0.0.1' })
  const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-for': '192.0.2.7' }
  const { header, cookie } = await logIn(app, headers)
  t.assert.match(header, /^__Host-session=[^;]+; Path=\/; HttpOnly; Secure; SameSite=Lax$/)
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie })).statusCode, 200)

  const logout = await send(app, 'POST', '/logout', { cookie, headers })
  const cleared = String(logout.headers['set-cookie'])
  t.assert.match(cleared, /^__Host-session=; .*Path=\/; Expires=Thu, 01 Jan 1970/)
  t.assert.match(cleared, /; HttpOnly; Secure; SameSite=Lax$/)
})

test('with COOKIE_SAME_SITE=none, a page of an allowed origin on another site can log in, read, change and log out', async (t: TestContext) => {
  const { app } = await build(t, {
    DATABASE_URL,
    COOKIE_SECURE: true,
    COOKIE_SAME_SITE: 'none',
    ALLOWED_ORIGINS: 'https://app.example',
    TRUST_PROXY: '127.0.0.1',
  })
  const headers = {
    origin: 'https://app.example',
    'sec-fetch-site': 'cross-site',
    'x-forwarded-proto': 'https',
  }
  const { id, header, cookie } = await logIn(app, headers)
  t.assert.match(header, /^__Host-session=[^;]+; Path=\/; HttpOnly; Secure; SameSite=None$/)
  const me = await send(app, 'GET', '/me', { cookie, headers })
  t.assert.strictEqual(me.json().id, id)
  const made = await send(app, 'POST', '/tokens', { cookie, headers, body: { name: 'x' } })
  t.assert.strictEqual(made.statusCode, 200)
  const logout = await send(app, 'POST', '/logout', { cookie, headers })
  for (const answer of [me, made, logout]) {
    t.assert.strictEqual(answer.headers['access-control-allow-origin'], 'https://app.example')
    t.assert.strictEqual(answer.headers['access-control-allow-credentials'], 'true')
  }
  // A browser on another site stores a cookie, or deletes it, only with these attributes.
  t.assert.match(String(logout.headers['set-cookie']), /; HttpOnly; Secure; SameSite=None$/)
  t.assert.deepStrictEqual(await storedSessions(app, id), [])
  const foreign = { ...headers, origin: 'https://evil.example' }
  const refused = await send(app, 'POST', '/logout', { cookie, headers: foreign })
  assertError(t, refused, 403, 'CROSS_SITE')
})

test('a cookie with another name than the configured one is ignored', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, COOKIE_SECURE: true })
  const cookie = (await signIn(app, await makeUser(app))).replace('__Host-session', 'session')
  assertError(t, await send(app, 'GET', '/me', { cookie }), 401, 'UNAUTHENTICATED')
})

test('the store contains the digest of the session id and nothing that a client could use', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { cookie, id } = await logIn(app)
  const signed = decodeURIComponent(cookie.slice('session='.length))
  const secretId = signed.slice(0, signed.lastIndexOf('.'))
  t.assert.ok(Buffer.from(secretId, 'base64url').length >= 16, 'the id has 128 bits or more')
  const [row, ...others] = await app.db.select().from(sessions).where(eq(sessions.userId, id))
  t.assert.deepStrictEqual(others, [])
  t.assert.deepStrictEqual(row?.digest, createHash('sha256').update(secretId).digest())
  t.assert.ok(!JSON.stringify(row).includes(secretId))
  const { digest } = row
  for (const text of [digest.toString('base64url'), digest.toString('hex'), String(row.id)]) {
    for (const value of [text, app.sessionCookie.signer.sign(text)]) {
      const stolen = `session=${encodeURIComponent(value)}`
      assertError(t, await send(app, 'GET', '/me', { cookie: stolen }), 401, 'UNAUTHENTICATED')
    }
  }
})

test('a cookie that is signed with the second secret is accepted, and a login signs with the first', async (t: TestContext) => {
  const before = await build(t, { DATABASE_URL, SESSION_SECRET: OLD })
  const account = await makeUser(before.app)
  const cookie = await signIn(before.app, account)

  const after = await build(t, { DATABASE_URL, SESSION_SECRET: `${NEW},${OLD}` })
  t.assert.strictEqual((await send(after.app, 'GET', '/me', { cookie })).statusCode, 200)
  const { username, password } = account
  const login = await send(after.app, 'POST', '/login', { body: { username, password } })
  const signedByNew = cookieOf(login)
  assertError(t, await send(before.app, 'GET', '/me', { cookie: signedByNew }), 401)

  const last = await build(t, { DATABASE_URL, SESSION_SECRET: NEW })
  t.assert.strictEqual(
    (await send(last.app, 'GET', '/me', { cookie: signedByNew })).statusCode,
    200,
  )
  assertError(t, await send(last.app, 'GET', '/me', { cookie }), 401, 'UNAUTHENTICATED')
  const logout = await send(after.app, 'POST', '/logout', { cookie })
  t.assert.strictEqual(logout.statusCode, 200)
})

test('a forged, altered, unsigned or empty cookie is refused and creates no row', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const signed = decodeURIComponent(cookie.slice('session='.length))
  const [id = '', signature = ''] = signed.split('.')
  const before = await countRows(app)
  for (const value of [
    id,
    `${id}.`,
    `.${signature}`,
    `${id}.${signature.slice(0, -1)}`,
    `${id}.${signature}A`,
    `${id.slice(0, -1)}.${signature}`,
    `x${id}.${signature}`,
    `${id}.${signature}.${signature}`,
    `${signed}\0`,
    `s:${signed}`,
    '',
    '.',
    'null',
    '%',
    'x'.repeat(4_000),
    `${"' OR 1=1 -- "}.${signature}`,
  ]) {
    for (const sent of new Set([`session=${value}`, `session=${encodeURIComponent(value)}`])) {
      const response = await send(app, 'GET', '/me', { cookie: sent })
      assertError(t, response, 401, 'UNAUTHENTICATED')
      t.assert.strictEqual(response.headers['set-cookie'], undefined)
      assertError(t, await send(app, 'POST', '/logout', { cookie: sent }), 401, 'UNAUTHENTICATED')
    }
  }
  t.assert.deepStrictEqual(await countRows(app), before)
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie })).statusCode, 200)
})

test('a request without a credential creates no session and sets no cookie', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const before = await countRows(app)
  const body = { username: 'nobody', password: 'not the password' }
  for (const response of [
    await send(app, 'GET', '/livez'),
    await send(app, 'GET', '/readyz'),
    await send(app, 'GET', '/me'),
    await send(app, 'POST', '/logout'),
    await send(app, 'GET', '/nothing'),
    await send(app, 'GET', '/login'),
    await send(app, 'POST', '/login'),
    await send(app, 'POST', '/login', { body }),
  ]) {
    t.assert.strictEqual(response.headers['set-cookie'], undefined)
  }
  t.assert.deepStrictEqual(await countRows(app), before)
})

test('a read with a session writes nothing and sets no cookie', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { cookie, id } = await logIn(app)
  const rows = () => app.db.select().from(sessions).where(eq(sessions.userId, id))
  const before = await rows()
  for (const url of ['/me', `/user/${id}`, '/livez', '/readyz', '/nothing']) {
    const response = await send(app, 'GET', url, { cookie })
    t.assert.strictEqual(response.headers['set-cookie'], undefined)
  }
  t.assert.deepStrictEqual(await rows(), before)
  t.assert.strictEqual((await storedSessions(app, id)).length, 1)
})

async function logIn(app: App, headers: Record<string, string> = {}) {
  const { id, username, password } = await makeUser(app)
  const response = await send(app, 'POST', '/login', { body: { username, password }, headers })
  return { id, header: String(response.headers['set-cookie']), cookie: cookieOf(response) }
}
