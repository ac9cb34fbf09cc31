import { EventEmitter, once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { eq, sql } from 'drizzle-orm'
import type { FastifyRequest } from 'fastify'
import { users } from '../../../db/schema.ts'
import sessions, { createStore } from '../../../plugins/sessions/sessions.ts'
import { createDatabase } from '../../support/database/database.ts'
import { cookieOf, makeUser, signIn, storedSessions } from '../../support/http/accounts.ts'
import { type App, build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'

const DATABASE_URL = await createDatabase()

test('a session id that was planted before a login is not valid after it', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const { username, password } = account
  const { name, signer } = app.sessionCookie
  const attacker = await signIn(app, await makeUser(app))
  const planted = {
    'never opened': `${name}=${encodeURIComponent(signer.sign('planted-by-somebody-else'))}`,
    unsigned: `${name}=planted-by-somebody-else`,
    "the attacker's own": attacker,
    'a former one of the victim': await signIn(app, account),
  }
  for (const [circumstance, cookie] of Object.entries(planted)) {
    const login = await send(app, 'POST', '/login', { cookie, body: { username, password } })
    t.assert.strictEqual(login.statusCode, 200, circumstance)
    t.assert.strictEqual(login.cookies.length, 1, circumstance)
    t.assert.notStrictEqual(cookieOf(login), cookie, circumstance)
    assertError(t, await send(app, 'GET', '/me', { cookie }), 401, 'UNAUTHENTICATED')
    const me = await send(app, 'GET', '/me', { cookie: cookieOf(login) })
    t.assert.strictEqual(me.json().username, username)
  }
})

test('a refused login keeps the session of the request', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const body = { username: account.username, password: 'not the password' }
  const refused = await send(app, 'POST', '/login', { cookie, body })
  assertError(t, refused, 400, 'INVALID_CREDENTIALS')
  t.assert.strictEqual(refused.headers['set-cookie'], undefined)
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie })).statusCode, 200)
})

test('a slow request that changes its session after a logout does not restore it', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const slow = await addSlowRoute(app, (request) => request.session.set('userId', 1))
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const other = await signIn(app, account)
  const kept = (await storedSessions(app, account.id)).slice(1)

  const pending = send(app, 'GET', '/slow', { cookie }).then((response) => response)
  await once(slow, 'begun')
  t.assert.strictEqual((await send(app, 'POST', '/logout', { cookie })).statusCode, 200)
  slow.emit('go')
  await pending

  assertError(t, await send(app, 'GET', '/me', { cookie }), 401, 'UNAUTHENTICATED')
  t.assert.deepStrictEqual(await storedSessions(app, account.id), kept)
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie: other })).statusCode, 200)
})

test('a slow request that saves its session after a logout does not restore it', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const slow = await addSlowRoute(app, (request) => request.session.save())
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const pending = send(app, 'GET', '/slow', { cookie }).then((response) => response)
  await once(slow, 'begun')
  await send(app, 'POST', '/logout', { cookie })
  slow.emit('go')
  await pending
  assertError(t, await send(app, 'GET', '/me', { cookie }), 401, 'UNAUTHENTICATED')
  t.assert.deepStrictEqual(await storedSessions(app, account.id), [])
})

test('a store never writes: a session that it read and that has ended since is not saved', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const secretId = secretIdOf(app, cookie)
  const store = createStore(app.lookups)
  const get = promisify(store.get.bind(store))
  const set = promisify(store.set.bind(store))

  const session = await get(secretId)
  t.assert.strictEqual(session?.userId, account.id)
  await send(app, 'POST', '/logout', { cookie })
  t.assert.strictEqual(await get(secretId), null)
  await set(secretId, session)
  t.assert.strictEqual(await get(secretId), null)
  t.assert.deepStrictEqual(await storedSessions(app, account.id), [])
})

test('a login whose password is changed before its session opens is refused, without a cookie', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const { verify } = app.passwords
  app.passwords.verify = async (...parameters) => {
    const verified = await verify(...parameters)
    const change = { passwordHash: 'changed', version: sql`version + 1` }
    await app.db.update(users).set(change).where(eq(users.id, account.id))
    return verified
  }
  const { username, password } = account
  const response = await send(app, 'POST', '/login', { body: { username, password } })
  assertError(t, response, 400, 'INVALID_CREDENTIALS')
  t.assert.strictEqual(response.headers['set-cookie'], undefined)
  t.assert.deepStrictEqual(await storedSessions(app, account.id), [])
})

/** A route that waits for `go` and then does `late`; it tells when it has begun. */
async function addSlowRoute(app: App, late: (request: FastifyRequest) => unknown) {
  const events = new EventEmitter()
  await app.register(async (scope) => {
    await scope.register(sessions)
    scope.get('/slow', async (request) => {
      const go = once(events, 'go')
      events.emit('begun')
      await go
      await late(request)
      return {}
    })
  })
  return events
}

function secretIdOf(app: App, cookie: string): string {
  const signed = decodeURIComponent(cookie.slice(cookie.indexOf('=') + 1))
  return app.sessionCookie.signer.unsign(signed).value ?? ''
}
