import { type TestContext, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { usedCookies } from '../../../db/schema.ts'
import { createDatabase } from '../../support/database/database.ts'
import { createDatabaseLink } from '../../support/database/database-link.ts'
import { makeUser, signIn, storedSessions } from '../../support/http/accounts.ts'
import { build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'
import { EXCHANGE, flaskCookieOf, makeImported } from '../../support/http/imported.ts'
import { listen, openRaw } from '../../support/http/raw-http.ts'

const DATABASE_URL = await createDatabase()
/** The deadline of a lookup is 2 s. A busy machine may take a little longer. */
const ANSWER_WITHIN_MS = 4_000

for (const fault of ['cut', 'stall'] as const) {
  test(`a verification, while the database is ${fault === 'cut' ? 'down' : 'silent'}, is a 503 within its time limit, also where anonymous requests pass`, async (t: TestContext) => {
    const link = await createDatabaseLink(DATABASE_URL)
    t.after(link.cut)
    const { app } = await build(t, { DATABASE_URL: link.url, failing: true })
    const cookie = await signIn(app, await makeUser(app))
    await link[fault]()
    const begun = performance.now()
    for (const url of ['/verify', '/verify?anonymous=allow']) {
      const refused = await send(app, 'GET', url, { cookie })
      assertError(t, refused, 503, 'SERVICE_UNAVAILABLE')
      t.assert.strictEqual(refused.headers['x-gatehouse-user-id'], undefined)
    }
    t.assert.ok(performance.now() - begun < 2 * ANSWER_WITHIN_MS)
    // No query is needed to see that there is no credential.
    t.assert.strictEqual((await send(app, 'GET', '/verify')).statusCode, 401)
  })
}

test('a verification, when the database lacks a table, is a 503 and an error in the log', async (t: TestContext) => {
  const { app, log } = await build(t, { DATABASE_URL, failing: true })
  const cookie = await signIn(app, await makeUser(app))
  t.mock.method(app.lookups, 'find', () => Promise.reject(new Error('a bug')))
  const refused = await send(app, 'GET', '/verify?anonymous=allow', { cookie })
  assertError(t, refused, 503, 'SERVICE_UNAVAILABLE')
  t.assert.match(JSON.stringify(log.errors), /a bug/)
})

test('a verification, while the event loop is late, is a 503', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, MAX_EVENT_LOOP_DELAY_MS: 50 })
  const cookie = await signIn(app, await makeUser(app))
  for (let pauses = 0; pauses < 3; pauses++) await delayLoop()
  for (const url of ['/verify', '/verify?anonymous=allow', '/verify;role=admin/x']) {
    assertError(t, await send(app, 'GET', url, { cookie }), 503, 'OVERLOADED')
  }
})

test('a verification that arrives while the server shuts down is served, and its connection closes', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookie = await signIn(app, await makeUser(app))
  const port = await listen(app)
  const { write, answer } = await openRaw(port)
  const drained = app.connections.drain({ quietMs: 100, idleMs: 100 })
  write(`GET /verify HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\n\r\n`)
  const { statusCode, headers } = await answer
  t.assert.deepStrictEqual([statusCode, headers.connection], [200, 'close'])
  await drained
})

test('a Flask cookie gets a 401 and is not used up', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, ...EXCHANGE })
  const account = await makeImported(app)
  const cookie = flaskCookieOf(account)
  for (const url of ['/verify', '/verify/orders']) {
    const refused = await send(app, 'GET', url, { cookie })
    assertError(t, refused, 401, 'UNAUTHENTICATED')
    t.assert.strictEqual(refused.headers['set-cookie'], undefined)
  }
  t.assert.deepStrictEqual(await app.db.select().from(usedCookies), [])
  t.assert.deepStrictEqual(await storedSessions(app, account.id), [])
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie })).statusCode, 200)
})

/** Keeps timers from running, then lets them run once. */
async function delayLoop(): Promise<void> {
  const end = performance.now() + 400
  while (performance.now() < end);
  await nextTurn()
  await nextTurn()
}
