import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import type { InjectOptions } from 'fastify'
import { events, idempotentResponses, sessions, tokens, users } from '../../../db/schema.ts'
import { CALLS, type Call } from '../../db/queries/route-calls.ts'
import { createDatabase } from '../../support/database/database.ts'
import { makeUser, signIn, signInAdmin, storedSessions } from '../../support/http/accounts.ts'
import { type App, build, send } from '../../support/http/build.ts'

const DATABASE_URL = await createDatabase()

/** Every route that takes a key. */
const ROUTES = [
  'POST /user',
  'POST /users',
  'PATCH /user/:id',
  'DELETE /user/:id',
  'PUT /user/update-password/:id',
  'POST /tokens',
  'DELETE /tokens/:id',
  'POST /users/:id/tokens',
  'DELETE /users/:id/tokens/:tokenId',
  'DELETE /sessions',
  'DELETE /sessions/:id',
  'DELETE /users/:id/sessions',
  'DELETE /user/:id/sessions',
]

/** Calls that do not end the session of the caller, whose retry would be a 401. */
const OWN_CALLS: Record<string, (app: App) => Promise<Call[]>> = {
  'DELETE /sessions': async (app) => {
    const account = await makeUser(app)
    await signIn(app, account)
    const headers = { cookie: await signIn(app, account) }
    return [{ method: 'DELETE', url: '/sessions', headers }]
  },
  'DELETE /sessions/:id': async (app) => {
    const account = await makeUser(app)
    await signIn(app, account)
    const [id] = await storedSessions(app, account.id)
    const headers = { cookie: await signIn(app, account) }
    return [{ method: 'DELETE', url: `/sessions/${id}`, headers }]
  },
}

function sendWithKey(app: App, { method, url, headers, ...rest }: Call, key: string) {
  return send(app, method, url, { ...rest, headers: { ...headers, 'idempotency-key': key } })
}

async function countAll(app: App) {
  const { db } = app
  return {
    users: await db.$count(users),
    tokens: await db.$count(tokens),
    sessions: await db.$count(sessions),
    events: await db.$count(events),
    answers: await db.$count(idempotentResponses),
  }
}

for (const route of ROUTES) {
  test(`${route}, sent twice with one key, makes one change and has the same answer twice`, async (t: TestContext) => {
    const { app } = await build(t, { DATABASE_URL })
    for (const call of (await (OWN_CALLS[route] ?? CALLS[route])?.(app)) ?? []) {
      const key = randomUUID()
      const before = await countAll(app)
      const first = await sendWithKey(app, call, key)
      t.assert.strictEqual(first.statusCode, 200, first.body)
      t.assert.strictEqual(first.headers['idempotency-replayed'], undefined)
      const after = await countAll(app)
      t.assert.strictEqual(after.events, before.events + 1)
      t.assert.strictEqual(after.answers, before.answers + 1)

      const second = await sendWithKey(app, call, key)
      t.assert.strictEqual(second.statusCode, 200, second.body)
      t.assert.strictEqual(second.body, first.body)
      t.assert.strictEqual(second.headers['idempotency-replayed'], 'true')
      for (const name of ['content-type', 'etag', 'cache-control']) {
        t.assert.strictEqual(second.headers[name], first.headers[name], name)
      }
      t.assert.notStrictEqual(second.headers['x-request-id'], first.headers['x-request-id'])
      t.assert.deepStrictEqual(await countAll(app), after)
    }
  })
}

test('every operation that changes something takes a key, except logins and logouts', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  await app.ready()
  const { paths }: { paths?: Record<string, Record<string, { parameters?: { name: string }[] }>> } =
    JSON.parse(JSON.stringify(app.swagger()))
  const changes = Object.entries(paths ?? {}).flatMap(([path, item]) =>
    Object.entries(item).flatMap(([method, { parameters = [] }]) => {
      const route = `${method.toUpperCase()} ${path.replaceAll(/{(\w+)}/g, ':$1')}`
      const takesKey = parameters.some(({ name }) => name === 'Idempotency-Key')
      return method === 'get' ? [] : [{ route, takesKey }]
    }),
  )
  const namesOf = (takesKey: boolean) =>
    changes.filter((change) => change.takesKey === takesKey).map(({ route }) => route)
  const undocumented = 'DELETE /user/:id/sessions'
  t.assert.deepStrictEqual(
    namesOf(true).sort(),
    ROUTES.filter((route) => route !== undocumented).sort(),
  )
  t.assert.deepStrictEqual(namesOf(false).sort(), [
    'POST /introspect',
    'POST /introspect/batch',
    'POST /login',
    'POST /logout',
  ])
})

test('a registration by an admin, sent twice with one key, makes one account', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, REGISTRATION: 'admin' })
  const body = { username: `u-${randomUUID()}`, password: 'a wind from the old harbour' }
  const options = {
    cookie: await signInAdmin(app),
    body,
    headers: { 'idempotency-key': 'of an admin' },
  }
  const first = await send(app, 'POST', '/user', options)
  const second = await send(app, 'POST', '/user', options)
  t.assert.deepStrictEqual([first.statusCode, second.statusCode], [200, 200])
  t.assert.strictEqual(second.body, first.body)
  t.assert.strictEqual(second.headers['idempotency-replayed'], 'true')
})

test('a login and a logout ignore a key', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { username, password } = await makeUser(app)
  const headers = { 'idempotency-key': '"' }
  const logins = [1, 2].map(() =>
    send(app, 'POST', '/login', { body: { username, password }, headers }),
  )
  const [first, second] = await Promise.all(logins)
  t.assert.deepStrictEqual([first?.statusCode, second?.statusCode], [200, 200])
  t.assert.notStrictEqual(first?.headers['set-cookie'], second?.headers['set-cookie'])
  for (const method of ['GET', 'POST'] as NonNullable<InjectOptions['method']>[]) {
    const cookie = await signIn(app, await makeUser(app))
    t.assert.strictEqual((await send(app, method, '/logout', { cookie, headers })).statusCode, 200)
  }
  t.assert.strictEqual((await send(app, 'GET', '/livez', { headers })).statusCode, 200)
})

test('the retry of a request that ended its own session is a 401, and deletes no cookie of another session', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const [id] = await storedSessions(app, account.id)
  const headers = { 'idempotency-key': randomUUID() }
  const first = await send(app, 'DELETE', `/sessions/${id}`, { cookie, headers })
  t.assert.strictEqual(first.statusCode, 200)
  t.assert.ok(first.headers['set-cookie'])
  const retry = await send(app, 'DELETE', `/sessions/${id}`, { cookie, headers })
  t.assert.strictEqual(retry.statusCode, 401)
  const other = await signIn(app, account)
  const fromAnother = await send(app, 'DELETE', `/sessions/${id}`, { cookie: other, headers })
  t.assert.strictEqual(fromAnother.body, first.body)
  t.assert.strictEqual(fromAnother.headers['idempotency-replayed'], 'true')
  t.assert.strictEqual(fromAnother.headers['set-cookie'], undefined)
})
