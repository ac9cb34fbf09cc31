import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { desc, eq } from 'drizzle-orm'
import { events, tokens } from '../../../db/schema.ts'
import { createDatabase } from '../../support/database/database.ts'
import { giveToken, makeUser, signIn, storedUser } from '../../support/http/accounts.ts'
import { build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'

const DATABASE_URL = await createDatabase()

/** The operations of each scope, by the shortest request that passes the guard of an admin. */
const OPERATIONS = {
  'accounts:read': [
    ['GET', '/user/1'],
    ['GET', '/users'],
  ],
  'accounts:write': [
    ['POST', '/users'],
    ['PATCH', '/user/1'],
    ['DELETE', '/user/9007199254740991'],
  ],
  sessions: [
    ['GET', '/sessions'],
    ['DELETE', '/sessions/1'],
    ['DELETE', '/sessions'],
    ['GET', '/users/1/sessions'],
    ['DELETE', '/users/9007199254740991/sessions'],
  ],
  tokens: [
    ['GET', '/users/1/tokens'],
    ['DELETE', '/users/1/tokens/1'],
  ],
  'events:read': [['GET', '/events']],
  introspect: [
    ['POST', '/introspect'],
    ['POST', '/introspect/batch'],
  ],
} as const

test('a token with one scope passes the operations of this scope, and gets SCOPE_MISSING from all others', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const admin = await makeUser(app, 'admin')
  for (const granted of Object.keys(OPERATIONS)) {
    const { headers } = await giveToken(app, admin, { scopes: [granted, 'orders:read'] })
    for (const [scope, operations] of Object.entries(OPERATIONS)) {
      for (const [method, url] of operations) {
        const answer = await send(app, method, url, { headers })
        if (scope === granted) t.assert.notStrictEqual(answer.json().code, 'SCOPE_MISSING', url)
        else {
          assertError(t, answer, 403, 'SCOPE_MISSING')
          t.assert.strictEqual(
            answer.headers['www-authenticate'],
            `Bearer realm="gatehouse", error="insufficient_scope", scope="${scope}"`,
          )
        }
      }
    }
  }
})

test('HEAD needs the scope of GET', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const admin = await makeUser(app, 'admin')
  const { headers } = await giveToken(app, admin, { scopes: ['sessions'] })
  t.assert.strictEqual((await send(app, 'HEAD', '/users', { headers })).statusCode, 403)
  t.assert.strictEqual((await send(app, 'HEAD', '/sessions', { headers })).statusCode, 200)
})

test('a token with scopes of other services alone can read its own account and end itself', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const { headers, id } = await giveToken(app, account, { scopes: ['orders:read'] })
  t.assert.strictEqual((await send(app, 'GET', '/me', { headers })).json().id, account.id)
  t.assert.strictEqual((await send(app, 'POST', '/logout', { headers })).statusCode, 200)
  t.assert.strictEqual(await app.db.$count(tokens, eq(tokens.id, id)), 0)
})

test('a scope gives a user nothing that the user may not do', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { headers } = await giveToken(app, await makeUser(app), { scopes: Object.keys(OPERATIONS) })
  for (const url of ['/users', '/events', '/users/1/tokens']) {
    assertError(t, await send(app, 'GET', url, { headers }), 401, 'NOT_PERMITTED')
  }
  const form = { token: 'any' }
  assertError(t, await send(app, 'POST', '/introspect', { headers, form }), 401, 'NOT_PERMITTED')
})

test('no scope lets a token create tokens or change a password', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const admin = await makeUser(app, 'admin')
  const { headers } = await giveToken(app, admin, { scopes: Object.keys(OPERATIONS) })
  const body = { name: 'stronger', password: 'a new secret of mine' }
  for (const [method, url] of [
    ['POST', '/tokens'],
    ['GET', '/tokens'],
    ['DELETE', '/tokens/1'],
    ['POST', `/users/${admin.id}/tokens`],
    ['PUT', `/user/update-password/${admin.id}`],
  ] as const) {
    assertError(t, await send(app, method, url, { headers, body }), 401, 'SESSION_REQUIRED')
  }
})

test('a token with accounts:write lets no admin in again, disabled or by other addresses', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const admin = await makeUser(app, 'admin')
  const other = await makeUser(app, 'admin')
  const { headers } = await giveToken(app, admin, { scopes: ['accounts:write'] })
  const patch = (id: number, body: object) => send(app, 'PATCH', `/user/${id}`, { headers, body })
  t.assert.strictEqual((await patch(other.id, { disabled: true })).statusCode, 200)
  assertError(t, await patch(other.id, { disabled: false }), 403, 'TOKEN_LIMITED')
  t.assert.strictEqual((await storedUser(app, other.id))?.disabled, true)

  const cookie = await signIn(app, admin)
  const body = { kind: 'service', username: `s-${randomUUID()}`, role: 'admin' }
  const { id } = (await send(app, 'POST', '/users', { cookie, body })).json()
  assertError(t, await patch(id, { addressRanges: null }), 403, 'TOKEN_LIMITED')
})

test('a token with accounts:write makes no admin, and one without scopes does', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const admin = await makeUser(app, 'admin')
  const user = await makeUser(app)
  const url = `/user/${user.id}`
  const limited = (await giveToken(app, admin, { scopes: ['accounts:write'] })).headers
  const unlimited = (await giveToken(app, admin)).headers
  const service = { kind: 'service', username: `s-${randomUUID()}`, role: 'admin' }
  const refused = await send(app, 'PATCH', url, { headers: limited, body: { role: 'admin' } })
  assertError(t, refused, 403, 'TOKEN_LIMITED')
  t.assert.strictEqual((await storedUser(app, user.id))?.role, 'user')
  const created = await send(app, 'POST', '/users', { headers: limited, body: service })
  assertError(t, created, 403, 'TOKEN_LIMITED')

  const changed = await send(app, 'PATCH', url, { headers: limited, body: { disabled: true } })
  t.assert.strictEqual(changed.statusCode, 200, changed.body)
  const body = { role: 'admin' }
  t.assert.strictEqual(
    (await send(app, 'PATCH', url, { headers: unlimited, body })).statusCode,
    200,
  )
  t.assert.strictEqual((await storedUser(app, user.id))?.role, 'admin')
})

test('the scopes of a new token are stored, listed and recorded', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const scopes = ['sessions', 'orders:read']
  const made = await send(app, 'POST', '/tokens', { cookie, body: { name: 'job', scopes } })
  const { id, scopes: answered } = made.json()
  t.assert.deepStrictEqual(answered, scopes)
  const [row] = await app.db.select().from(tokens).where(eq(tokens.id, id))
  t.assert.deepStrictEqual(row?.scopes, scopes)
  const listed = (await send(app, 'GET', '/tokens', { cookie })).json().items
  t.assert.deepStrictEqual(listed[0].scopes, scopes)
  const [event] = await app.db
    .select()
    .from(events)
    .where(eq(events.userId, account.id))
    .orderBy(desc(events.id))
  t.assert.deepStrictEqual(JSON.parse(event?.detail ?? ''), {
    tokenId: id,
    scopes: 'sessions orders:read',
  })
  const other = await send(app, 'POST', '/tokens', { cookie, body: { name: 'all' } })
  t.assert.strictEqual(other.json().scopes, null)
})

test('the longest list of scopes is stored and recorded, and one more scope is refused', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookie = await signIn(app, await makeUser(app))
  const scopes = Array.from(
    { length: 20 },
    (_, index) => `orders:${String(index).padStart(25, 'x')}`,
  )
  const made = await send(app, 'POST', '/tokens', { cookie, body: { name: 'job', scopes } })
  t.assert.strictEqual(made.statusCode, 200, made.body)
  t.assert.deepStrictEqual(made.json().scopes, scopes)
  const more = { name: 'job', scopes: [...scopes, 'orders:one'] }
  const answer = await send(app, 'POST', '/tokens', { cookie, body: more })
  assertError(t, answer, 400, 'VALIDATION_FAILED', ['body.scopes'])
})

test('a scope that is neither ours nor has a prefix of another service is a 400 that names it', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookie = await signIn(app, await makeUser(app, 'admin'))
  for (const [scope, path] of [
    ['accounts:delete', 'body.scopes.1'],
    ['events', 'body.scopes.1'],
    ['orders', 'body.scopes.1'],
    ['introspect:all', 'body.scopes.1'],
    ['Orders:read', 'body.scopes.1'],
    ['orders:', 'body.scopes.1'],
    ['orders:read all', 'body.scopes.1'],
    ['orders:"', 'body.scopes.1'],
    [`orders:${'a'.repeat(26)}`, 'body.scopes.1'],
    ['', 'body.scopes.1'],
    ['sessions', 'body.scopes'],
  ]) {
    const body = { name: 'job', scopes: ['sessions', scope] }
    const answer = await send(app, 'POST', '/tokens', { cookie, body })
    t.assert.strictEqual(answer.json().code, 'VALIDATION_FAILED', answer.body)
    t.assert.ok(
      answer.json().errors.some((fault: { path: string }) => fault.path === path),
      answer.body,
    )
  }
  const none = await send(app, 'POST', '/tokens', { cookie, body: { name: 'job', scopes: [] } })
  assertError(t, none, 400, 'VALIDATION_FAILED', ['body.scopes'])
})

test('only an admin puts introspect on a token', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const body = { name: 'proxy', scopes: ['introspect'] }
  const user = await send(app, 'POST', '/tokens', {
    cookie: await signIn(app, await makeUser(app)),
    body,
  })
  assertError(t, user, 401, 'NOT_PERMITTED', ['body.scopes'])
  const cookie = await signIn(app, await makeUser(app, 'admin'))
  t.assert.strictEqual((await send(app, 'POST', '/tokens', { cookie, body })).statusCode, 200)
})
