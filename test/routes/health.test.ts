import { type TestContext, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import Fastify from 'fastify'
import { closeDatabase, openDatabase, Servers } from '../../db/client.ts'
import { LOOKUP_CONNECTIONS, Lookups } from '../../db/lookups/lookups.ts'
import { migrate } from '../../db/migrate.ts'
import connections from '../../plugins/connections/connections.ts'
import components from '../../routes/common/components.ts'
import health from '../../routes/health.ts'
import { createDatabase, createEmptyDatabase } from '../support/database/database.ts'
import { createDatabaseLink } from '../support/database/database-link.ts'
import { isTidb } from '../support/database/engine.ts'
import { open } from '../support/database/open.ts'
import { query } from '../support/database/query.ts'
import { makeUser, signIn } from '../support/http/accounts.ts'
import { build, send } from '../support/http/build.ts'
import { assertError } from '../support/http/error-answer.ts'
import { exchange, listen, openRaw } from '../support/http/raw-http.ts'
import { untilStatus } from '../support/http/until-status.ts'

const DATABASE_URL = await createDatabase()

test('the probes return alive and ready while the database responds', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  for (const [url, status] of [
    ['/livez', 'alive'],
    ['/readyz', 'ready'],
  ] as const) {
    const response = await send(app, 'GET', url)
    t.assert.strictEqual(response.statusCode, 200)
    t.assert.deepStrictEqual(response.json(), { status })
    t.assert.strictEqual((await send(app, 'HEAD', url)).statusCode, 200)
  }
})

test('the probes ignore cookies', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookie = await signIn(app, await makeUser(app))
  for (const sent of [cookie, 'session=forged', 'session=']) {
    for (const url of ['/livez', '/readyz']) {
      const response = await send(app, 'GET', url, { cookie: sent })
      t.assert.strictEqual(response.statusCode, 200)
      t.assert.strictEqual(response.headers['set-cookie'], undefined)
    }
  }
})

test('readiness returns a 503 on an empty database until it is migrated', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL: await createEmptyDatabase() })
  const early = await send(app, 'GET', '/readyz')
  assertError(t, early, 503, 'SCHEMA_OUTDATED')
  t.assert.strictEqual(early.headers['retry-after'], '1')
  t.assert.strictEqual((await send(app, 'HEAD', '/readyz')).statusCode, 503)
  t.assert.strictEqual((await send(app, 'GET', '/livez')).statusCode, 200)

  await migrate(app.db)
  t.assert.strictEqual((await send(app, 'GET', '/readyz')).statusCode, 200)
})

test('readiness returns a 503 if the newest migration is missing', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL: await createDatabase() })
  t.assert.strictEqual((await send(app, 'GET', '/readyz')).statusCode, 200)
  await app.db.execute(sql`UPDATE __drizzle_migrations SET created_at = created_at - 1`)
  assertError(t, await send(app, 'GET', '/readyz'), 503, 'SCHEMA_OUTDATED')
})

test('readiness returns a 503 while queries get no response, without waiting for one', {
  timeout: 60_000, // without the deadline it would wait forever
}, async (t: TestContext) => {
  const link = await createDatabaseLink(DATABASE_URL)
  const { app } = await build(t, { DATABASE_URL: link.url })
  t.after(() => link.cut())
  t.assert.strictEqual((await send(app, 'GET', '/readyz')).statusCode, 200)
  link.stall()
  const refused = await send(app, 'GET', '/readyz')
  assertError(t, refused, 503, 'DATABASE_UNAVAILABLE')
  t.assert.strictEqual(refused.headers['retry-after'], '1')
  link.resume()
  await untilStatus(() => send(app, 'GET', '/readyz'), 200)
})

test('readiness returns a 503 if the servers that look up callers refuse, although the others serve', {
  skip: isTidb && 'each server of the engine can be read',
}, async (t: TestContext) => {
  const app = Fastify()
  const read = openDatabase(new Servers(DATABASE_URL, { consistency: 'wait', purpose: 'reads' }), {
    connections: LOOKUP_CONNECTIONS,
  })
  t.after(async () => {
    await app.close()
    await closeDatabase(read)
  })
  app.decorate('db', open(t, DATABASE_URL))
  app.decorate('lookups', new Lookups(read, { idleMs: 60_000, lifetimeMs: 60_000, maxPerUser: 10 }))
  await app.register(connections)
  await app.register(components)
  await app.register(health, { readsElsewhere: true })
  const { statusCode, body } = await app.inject('/readyz')
  t.assert.strictEqual(statusCode, 503, body)
  t.assert.match(body, /DATABASE_UNAVAILABLE/)
})

test('readiness is logged when it changes, not for each probe', async (t: TestContext) => {
  const url = await createDatabase()
  const link = await createDatabaseLink(url)
  const { app, log } = await build(t, { DATABASE_URL: link.url })
  t.after(() => link.cut())
  const probe = async (status: number) => {
    for (let probes = 0; probes < 3; probes++) {
      t.assert.strictEqual((await send(app, 'GET', '/readyz')).statusCode, status)
    }
  }
  await probe(200)
  await app.db.execute(sql`UPDATE __drizzle_migrations SET created_at = created_at - 1`)
  await probe(503)
  await link.cut()
  await probe(503)
  await link.mend()
  await query(url, 'UPDATE __drizzle_migrations SET created_at = created_at + 1')
  await untilStatus(() => send(app, 'GET', '/readyz'), 200)
  await probe(200)

  const others = log.lines.filter(({ msg }) => msg !== 'request')
  t.assert.deepStrictEqual(
    others.map(({ level, msg, code }) => ({ level, msg, code })),
    [
      { level: 40, msg: 'The server is not ready', code: 'SCHEMA_OUTDATED' },
      { level: 40, msg: 'The server is not ready', code: 'DATABASE_UNAVAILABLE' },
      { level: 30, msg: 'The server is ready again', code: undefined },
    ],
  )
  const requests = log.lines.filter(({ msg, status }) => msg === 'request' && status === 503)
  t.assert.ok(requests.length >= 6)
  t.assert.ok(requests.every(({ code, err }) => code !== undefined && err === undefined))
})

test('an operation on an empty database returns a 503 without details', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL: await createEmptyDatabase() })
  const body = { username: 'alice', password: 'correct horse battery' }
  for (const url of ['/user', '/login']) {
    const response = await send(app, 'POST', url, { body })
    assertError(t, response, 503, 'SERVICE_UNAVAILABLE')
    t.assert.strictEqual(response.headers['retry-after'], '1')
  }
})

test('every operation returns a 503 with retry-after while the database is unreachable, and works again afterwards', async (t: TestContext) => {
  const link = await createDatabaseLink(DATABASE_URL)
  const { app } = await build(t, { DATABASE_URL: link.url })
  t.after(() => link.cut())
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const { id, username, password } = account
  const body = { username, password }

  await link.cut()
  for (const ask of [
    () => send(app, 'POST', '/login', { body }),
    () => send(app, 'POST', '/user', { body }),
    () => send(app, 'GET', '/me', { cookie }),
    () => send(app, 'GET', `/user/${id}`, { cookie }),
    () => send(app, 'PUT', `/user/update-password/${id}`, { cookie, body: { password } }),
    () => send(app, 'DELETE', `/user/${id}`, { cookie }),
    () => send(app, 'GET', '/logout', { cookie }),
    () => send(app, 'POST', '/logout', { cookie }),
  ]) {
    const response = await ask()
    assertError(t, response, 503, 'SERVICE_UNAVAILABLE')
    t.assert.strictEqual(response.headers['retry-after'], '1')
    t.assert.strictEqual(response.headers['set-cookie'], undefined)
  }
  t.assert.strictEqual((await send(app, 'GET', '/livez')).statusCode, 200)
  assertError(t, await send(app, 'GET', '/readyz'), 503, 'DATABASE_UNAVAILABLE')
  assertError(t, await send(app, 'GET', '/me'), 401, 'UNAUTHENTICATED')

  await link.mend()
  await untilStatus(() => send(app, 'GET', '/readyz'), 200)
  await untilStatus(() => send(app, 'GET', '/me', { cookie }), 200)
})

test('readiness returns a 503 while the server closes, and pending requests are answered', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const port = await listen(app)
  const begun = await openRaw(port)
  begun.write('GET /readyz HTTP/1.1\r\n')
  const live = await exchange(port, Buffer.from('GET /livez HTTP/1.0\r\n\r\n'))
  t.assert.strictEqual(live.statusCode, 200)

  const closed = app.close()
  await nextTurn()
  begun.write('Host: localhost\r\n\r\n')
  const refused = await begun.answer
  assertError(t, refused, 503, 'SHUTTING_DOWN')
  t.assert.strictEqual(refused.headers['retry-after'], '1')
  await closed
})
