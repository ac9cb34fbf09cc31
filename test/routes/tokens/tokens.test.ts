import { type TestContext, test } from 'node:test'
import { eq, sql } from 'drizzle-orm'
import { tokens, users } from '../../../db/schema.ts'
import { createDatabase } from '../../support/database/database.ts'
import { giveToken, makeUser, signIn, storedTokens } from '../../support/http/accounts.ts'
import { type App, build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'

const DATABASE_URL = await createDatabase()

async function makeToken(app: App, cookie: string, body: object = { name: 'ci' }) {
  const response = await send(app, 'POST', '/tokens', { cookie, body })
  return { response, headers: { authorization: `Bearer ${response.json().token}` } }
}

test('a new token acts as its owner and is stored only as a digest', async (t: TestContext) => {
  const { app, keepSecret } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const { response, headers } = await makeToken(app, await signIn(app, account))
  const { token, id } = response.json()
  keepSecret(token)
  t.assert.match(token, /^gh_[A-Za-z0-9_-]{43}$/)
  const me = await send(app, 'GET', '/me', { headers })
  t.assert.strictEqual(me.json().id, account.id)
  const [row] = await app.db.select().from(tokens).where(eq(tokens.id, id))
  t.assert.ok(!JSON.stringify(row).includes(token))
})

test('a token cannot create, list or end tokens, nor change passwords', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const { response, headers } = await makeToken(app, await signIn(app, account))
  const body = { name: 'another', password: 'a new secret of mine' }
  const refused = [
    await send(app, 'POST', '/tokens', { headers, body: { name: 'another' } }),
    await send(app, 'GET', '/tokens', { headers }),
    await send(app, 'DELETE', `/tokens/${response.json().id}`, { headers }),
    await send(app, 'PUT', `/user/update-password/${account.id}`, { headers, body }),
  ]
  t.assert.deepStrictEqual(
    refused.map((answer) => answer.json().code),
    Array(4).fill('SESSION_REQUIRED'),
  )
})

test('a token has the current role of its owner, and is refused once the owner is disabled', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const { headers } = await makeToken(app, await signIn(app, account))
  const own = eq(users.id, account.id)
  t.assert.strictEqual((await send(app, 'GET', '/users', { headers })).statusCode, 401)
  await app.db.update(users).set({ role: 'admin' }).where(own)
  t.assert.strictEqual((await send(app, 'GET', '/users', { headers })).statusCode, 200)
  await app.db.update(users).set({ disabled: true }).where(own)
  t.assert.strictEqual((await send(app, 'GET', '/me', { headers })).statusCode, 401)
})

test('a token is refused after its owner ends it, after expiry, a password change and its logout', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const statusOf = async (headers: Record<string, string>) =>
    (await send(app, 'GET', '/me', { headers })).statusCode

  const byOwner = await makeToken(app, cookie)
  await send(app, 'DELETE', `/tokens/${byOwner.response.json().id}`, { cookie })
  t.assert.strictEqual(await statusOf(byOwner.headers), 401)

  const expiresAt = new Date(Date.now() + 60_000).toISOString()
  const byExpiry = await makeToken(app, cookie, { name: 'short', expiresAt })
  t.assert.strictEqual(await statusOf(byExpiry.headers), 200)
  const past = { expiresAt: sql`now(3)` }
  await app.db.update(tokens).set(past).where(eq(tokens.id, byExpiry.response.json().id))
  t.assert.strictEqual(await statusOf(byExpiry.headers), 401)

  const byLogout = await makeToken(app, cookie)
  await send(app, 'POST', '/logout', { headers: byLogout.headers })
  t.assert.strictEqual(await statusOf(byLogout.headers), 401)

  const byPassword = await makeToken(app, cookie)
  const body = { password: 'another secret of mine' }
  await send(app, 'PUT', `/user/update-password/${account.id}`, { cookie, body })
  t.assert.strictEqual(await statusOf(byPassword.headers), 401)
})

test('an unknown or malformed token returns a 401, also with a valid cookie', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const { secret } = await giveToken(app, account)
  for (const authorization of [
    'Bearer',
    'Bearer ',
    'Bearer x',
    `Bearer gh_${'a'.repeat(43)}`,
    `Bearer ${secret}x`,
    `Bearer ${secret},${secret}`,
    `Bearer ${secret.toUpperCase()}`,
    `Bearer "${secret}"`,
  ]) {
    const response = await send(app, 'GET', '/me', { cookie, headers: { authorization } })
    assertError(t, response, 401, 'UNAUTHENTICATED')
  }
  for (const authorization of [`bearer ${secret}`, `BEARER   ${secret}`]) {
    const response = await send(app, 'GET', '/me', { headers: { authorization } })
    t.assert.strictEqual(response.statusCode, 200, authorization)
  }
})

test('an authorization scheme other than Bearer is ignored, and the cookie is used', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookie = await signIn(app, await makeUser(app))
  for (const authorization of ['Basic YTpi', '', 'Bearers x']) {
    const response = await send(app, 'GET', '/me', { cookie, headers: { authorization } })
    t.assert.strictEqual(response.statusCode, 200, authorization)
  }
})

test('a token with an invalid name or expiry is refused with the field, and no row is created', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const bad: [object, string][] = [
    [{}, 'body.name'],
    [{ name: '' }, 'body.name'],
    [{ name: 'a\nb' }, 'body.name'],
    [{ name: 'x'.repeat(101) }, 'body.name'],
    [{ name: 'x', expiresAt: 'soon' }, 'body.expiresAt'],
    [{ name: 'x', expiresAt: '2001-01-01T00:00:00Z' }, 'body.expiresAt'],
    [{ name: 'x', expiresAt: '9999-01-01T00:00:00Z' }, 'body.expiresAt'],
    [{ name: 'x', userId: 1 }, 'body.userId'],
  ]
  for (const [body, path] of bad) {
    const response = await send(app, 'POST', '/tokens', { cookie, body })
    t.assert.strictEqual(response.statusCode, 400, JSON.stringify(body))
    t.assert.strictEqual(response.json().errors[0].path, path)
  }
  const rows = await app.db.select().from(tokens).where(eq(tokens.userId, account.id))
  t.assert.strictEqual(rows.length, 0)
})

test('a token above the limit is refused, until one ends or expires', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, MAX_TOKENS: 3 })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const refuses = async () => {
    const { response } = await makeToken(app, cookie)
    assertError(t, response, 409, 'TOKEN_LIMIT')
  }
  const ids: number[] = []
  for (let made = 0; made < 3; made++) {
    ids.push((await makeToken(app, cookie)).response.json().id)
  }
  await refuses()
  await send(app, 'DELETE', `/tokens/${ids[0]}`, { cookie })
  t.assert.strictEqual((await makeToken(app, cookie)).response.statusCode, 200)
  await refuses()
  const past = { expiresAt: sql`now(3)` }
  await app.db
    .update(tokens)
    .set(past)
    .where(eq(tokens.id, ids[1] ?? 0))
  t.assert.strictEqual((await makeToken(app, cookie)).response.statusCode, 200)
  await refuses()

  const other = await signIn(app, await makeUser(app))
  t.assert.strictEqual((await makeToken(app, other)).response.statusCode, 200)
})

test('200 concurrent requests for a token create as many as the limit allows, on two servers', async (t: TestContext) => {
  const settings = { DATABASE_URL, MAX_TOKENS: 10 }
  const { app } = await build(t, settings)
  const { app: other } = await build(t, settings)
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, index) => makeToken(index % 2 ? app : other, cookie)),
  )
  const statuses = answers.map(({ response }) => response.statusCode)
  t.assert.strictEqual(statuses.filter((status) => status === 200).length, 10)
  for (const status of statuses) t.assert.ok([200, 409, 503].includes(status), String(status))
  t.assert.strictEqual((await storedTokens(app, account.id)).length, 10)
})
