import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { desc, eq } from 'drizzle-orm'
import { events, sessions, tokens } from '../../../db/schema.ts'
import { createDatabase } from '../../support/database/database.ts'
import {
  giveToken,
  makeService,
  makeUser,
  signIn,
  signInAdmin,
  storedTokens,
  storedUser,
} from '../../support/http/accounts.ts'
import { build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'

const DATABASE_URL = await createDatabase()

test('an admin creates a service account, which is stored without a password and recorded', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const admin = await makeUser(app, 'admin')
  const cookie = await signIn(app, admin)
  const username = `s-${randomUUID()}`
  const body = { kind: 'service', username, addressRanges: ['10.0.0.0/8', '2001:db8::/32'] }
  const made = await send(app, 'POST', '/users', { cookie, body })
  t.assert.strictEqual(made.statusCode, 200, made.body)
  const { id, createdAt: _, ...rest } = made.json()
  t.assert.deepStrictEqual(rest, { ...body, role: 'user', disabled: false })
  const row = await storedUser(app, id)
  t.assert.strictEqual(row?.passwordHash, '*')
  t.assert.strictEqual(row?.kind, 'service')
  const [event] = await app.db.select().from(events).where(eq(events.userId, id))
  t.assert.strictEqual(event?.actorId, admin.id)
  t.assert.deepStrictEqual(JSON.parse(event?.detail ?? ''), {
    username,
    role: 'user',
    kind: 'service',
    addressRanges: '10.0.0.0/8 2001:db8::/32',
  })
  const again = await send(app, 'POST', '/users', { cookie, body: { kind: 'service', username } })
  assertError(t, again, 400, 'USERNAME_TAKEN', ['body.username'])
})

test('GET /users lists services and people by kind', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookie = await signInAdmin(app)
  const service = await makeService(app)
  const person = await makeUser(app)
  const list = async (kind: string, prefix: string) =>
    (await send(app, 'GET', `/users?kind=${kind}&prefix=${prefix}`, { cookie })).json().items
  t.assert.strictEqual((await list('service', service.username))[0].kind, 'service')
  t.assert.deepStrictEqual(await list('person', service.username), [])
  t.assert.strictEqual((await list('person', person.username))[0].kind, 'person')
  t.assert.deepStrictEqual(await list('service', person.username), [])
  const unknown = await send(app, 'GET', '/users?kind=robot', { cookie })
  assertError(t, unknown, 400, 'VALIDATION_FAILED', ['querystring.kind'])
})

test('a login with the name of a service account is refused like one with an unknown name', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const service = await makeService(app)
  const headers = { 'x-request-id': 'same' }
  const login = (username: string, password: string) =>
    send(app, 'POST', '/login', { headers, body: { username, password } })
  const unknown = await login(`u-${randomUUID()}`, '*')
  for (const password of ['*', '', 'any other text']) {
    const answer = await login(service.username, password)
    assertError(t, answer, 400, 'INVALID_CREDENTIALS')
    t.assert.strictEqual(answer.body, unknown.body)
  }
  t.assert.strictEqual(await app.db.$count(sessions, eq(sessions.userId, service.id)), 0)
})

test('a service account gets no password from an admin', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { id } = await makeService(app)
  const body = { password: 'a kettle on the quiet stove' }
  const cookie = await signInAdmin(app)
  const answer = await send(app, 'PUT', `/user/update-password/${id}`, { cookie, body })
  assertError(t, answer, 409, 'NO_PASSWORD')
  t.assert.strictEqual((await storedUser(app, id))?.passwordHash, '*')
})

test('an admin makes a token for a service, which acts as it, outlives password changes and is seen in use', async (t: TestContext) => {
  const { app, keepSecret } = await build(t, { DATABASE_URL })
  const admin = await makeUser(app, 'admin')
  const cookie = await signIn(app, admin)
  const service = await makeService(app)
  const url = `/users/${service.id}/tokens`
  const body = { name: 'orders', scopes: ['orders:read', 'introspect'] }
  const made = await send(app, 'POST', url, { cookie, body })
  t.assert.strictEqual(made.statusCode, 200, made.body)
  keepSecret(made.json().token)
  const [event] = await app.db
    .select()
    .from(events)
    .where(eq(events.userId, service.id))
    .orderBy(desc(events.id))
  t.assert.deepStrictEqual(
    { ...event, detail: JSON.parse(event?.detail ?? '') },
    {
      ...event,
      type: 'token_created',
      actorId: admin.id,
      detail: { tokenId: made.json().id, scopes: 'orders:read introspect' },
    },
  )
  const headers = { authorization: `Bearer ${made.json().token}` }
  const password = 'a kettle on the quiet stove'
  const changed = await send(app, 'PUT', `/user/update-password/${admin.id}`, {
    cookie,
    body: { password },
  })
  t.assert.strictEqual(changed.statusCode, 200)
  t.assert.strictEqual((await send(app, 'GET', '/me', { headers })).json().id, service.id)
  await app.lastUsed.flush()
  const [listed] = (await send(app, 'GET', url, { cookie })).json().items
  t.assert.ok(Date.parse(listed.lastUsedAt) > 0)
  t.assert.deepStrictEqual(listed.scopes, body.scopes)

  const ended = await send(app, 'DELETE', `${url}/${listed.id}`, { cookie })
  t.assert.strictEqual(ended.statusCode, 200)
  t.assert.deepStrictEqual(await storedTokens(app, service.id), [])
  t.assert.strictEqual((await send(app, 'GET', '/me', { headers })).statusCode, 401)
  assertError(
    t,
    await send(app, 'DELETE', `${url}/${listed.id}`, { cookie }),
    404,
    'TOKEN_NOT_FOUND',
  )
})

test('an admin makes no token for a person or an unknown account', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookie = await signInAdmin(app)
  const person = await makeUser(app)
  const make = (id: number) =>
    send(app, 'POST', `/users/${id}/tokens`, { cookie, body: { name: 'x' } })
  assertError(t, await make(person.id), 409, 'NOT_A_SERVICE')
  assertError(t, await make(Number.MAX_SAFE_INTEGER), 404, 'USER_NOT_FOUND')
  t.assert.deepStrictEqual(await storedTokens(app, person.id), [])
  for (const method of ['GET', 'POST'] as const) {
    const answer = await send(app, method, '/users/x/tokens', { cookie, body: { name: 'x' } })
    assertError(t, answer, 400, 'VALIDATION_FAILED', ['params.id'])
  }
})

test('disabling a service ends its tokens, and enabling it revives none of them', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookie = await signInAdmin(app)
  const service = await makeService(app)
  const { headers } = await giveToken(app, service)
  const patch = (body: object) => send(app, 'PATCH', `/user/${service.id}`, { cookie, body })
  t.assert.strictEqual((await patch({ disabled: true })).statusCode, 200)
  t.assert.strictEqual((await send(app, 'GET', '/me', { headers })).statusCode, 401)
  const body = { name: 'x' }
  const refused = await send(app, 'POST', `/users/${service.id}/tokens`, { cookie, body })
  assertError(t, refused, 409, 'ACCOUNT_DISABLED')
  t.assert.strictEqual((await patch({ disabled: false })).statusCode, 200)
  t.assert.strictEqual((await send(app, 'GET', '/me', { headers })).statusCode, 401)
  t.assert.strictEqual(await app.db.$count(tokens, eq(tokens.userId, service.id)), 0)
})

test('a service that is an admin cannot end the last admin who can log in', async (t: TestContext) => {
  const own = await createDatabase()
  const { app } = await build(t, { DATABASE_URL: own })
  const person = await makeUser(app, 'admin')
  const { headers } = await giveToken(app, await makeService(app, { role: 'admin' }))
  const url = `/user/${person.id}`
  for (const body of [{ disabled: true }, { role: 'user' }]) {
    assertError(t, await send(app, 'PATCH', url, { headers, body }), 409, 'LAST_ADMIN')
  }
  assertError(t, await send(app, 'DELETE', url, { headers }), 409, 'LAST_ADMIN')
  t.assert.strictEqual((await storedUser(app, person.id))?.disabled, false)
  await makeUser(app, 'admin')
  t.assert.strictEqual((await send(app, 'DELETE', url, { headers })).statusCode, 200)
})
