import { type TestContext, test } from 'node:test'
import { eq } from 'drizzle-orm'
import { sessions, users } from '../../../db/schema.ts'
import { createDatabase } from '../../support/database/database.ts'
import { cookieOf, makeUser, signIn } from '../../support/http/accounts.ts'
import { build, send } from '../../support/http/build.ts'

const DATABASE_URL = await createDatabase()

test('login with the right password returns the user and a valid cookie', async (t: TestContext) => {
  const { app, keepSecret } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  keepSecret(account.password)
  keepSecret(account.passwordHash)

  const { username, password } = account
  const response = await send(app, 'POST', '/login', { body: { username, password } })

  t.assert.strictEqual(response.statusCode, 200)
  const { message, user } = response.json()
  t.assert.strictEqual(message, 'Logged in.')
  t.assert.strictEqual(user.id, account.id)
  const cookie = cookieOf(response)
  keepSecret(cookie)
  const me = await send(app, 'GET', '/me', { cookie })
  t.assert.deepStrictEqual(me.json(), user)
})

test('login stores the digest of the session id, the address and the user agent', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { id, username, password } = await makeUser(app)
  const headers = { 'user-agent': 'x'.repeat(300) }
  const response = await send(app, 'POST', '/login', { body: { username, password }, headers })

  const [row] = await app.db.select().from(sessions).where(eq(sessions.userId, id))
  t.assert.strictEqual(row?.address, '127.0.0.1')
  t.assert.strictEqual(row?.userAgent, 'x'.repeat(255))
  const [secretId = ''] = decodeURIComponent(response.cookies[0]?.value ?? '').split('.')
  t.assert.ok(secretId.length >= 32)
  t.assert.ok(!row.digest.toString('latin1').includes(secretId))
})

test('login with the username in another case succeeds', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { username, password } = await makeUser(app)
  const body = { username: username.toUpperCase(), password }
  const response = await send(app, 'POST', '/login', { body })
  t.assert.strictEqual(response.statusCode, 200)
  t.assert.strictEqual(response.json().user.username, username)
})

test('login with a wrong password or an unknown username returns the same response, without a cookie', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { username } = await makeUser(app)
  const password = 'not the password'
  const headers = { 'x-request-id': 'same' }
  const wrong = await send(app, 'POST', '/login', { body: { username, password }, headers })
  const unknown = await send(app, 'POST', '/login', {
    body: { username: 'nobody', password },
    headers,
  })
  t.assert.strictEqual(wrong.statusCode, 400)
  t.assert.strictEqual(wrong.json().code, 'INVALID_CREDENTIALS')
  t.assert.strictEqual(unknown.body, wrong.body)
  const { date: _, ...wrongHeaders } = wrong.headers
  const { date: __, ...unknownHeaders } = unknown.headers
  t.assert.deepStrictEqual(unknownHeaders, wrongHeaders)
  t.assert.strictEqual(wrong.headers['set-cookie'], undefined)
})

test('login of a disabled account is refused like a wrong password', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { id, username, password } = await makeUser(app)
  await app.db.update(users).set({ disabled: true }).where(eq(users.id, id))
  const response = await send(app, 'POST', '/login', { body: { username, password } })
  t.assert.strictEqual(response.json().code, 'INVALID_CREDENTIALS')
})

test('login creates a new session id and ends the session of the request', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { username, password, ...rest } = await makeUser(app)
  const planted = await signIn(app, { username, password, ...rest })
  const response = await send(app, 'POST', '/login', {
    body: { username, password },
    cookie: planted,
  })
  t.assert.notStrictEqual(cookieOf(response), planted)
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie: planted })).statusCode, 401)
  t.assert.strictEqual(
    (await send(app, 'GET', '/me', { cookie: cookieOf(response) })).statusCode,
    200,
  )
  t.assert.strictEqual(response.cookies.length, 1)
})

test('two concurrent logins with a hash of a lower cost both succeed and renew the hash', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, BCRYPT_COST: 6 })
  const { id, username, password } = await makeUser(app, 'user', 5)
  const attempt = () => send(app, 'POST', '/login', { body: { username, password } })
  const responses = await Promise.all([attempt(), attempt(), attempt()])
  t.assert.deepStrictEqual(
    responses.map(({ statusCode }) => statusCode),
    [200, 200, 200],
  )
  const [row] = await app.db.select().from(users).where(eq(users.id, id))
  t.assert.match(row?.passwordHash ?? '', /^\$2b\$06\$/)
})
