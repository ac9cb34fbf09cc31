import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { eq, sql } from 'drizzle-orm'
import type { Database } from '../../../db/client.ts'
import { digest } from '../../../db/digest.ts'
import { exchange } from '../../../db/queries/exchange.ts'
import type { VerifiedFlaskCookie } from '../../../db/queries/used-cookies.ts'
import { sessions, usedCookies } from '../../../db/schema.ts'
import { transaction } from '../../../db/transaction.ts'
import { changeMeanwhile } from '../../support/database/blocked-change.ts'
import { createDatabase } from '../../support/database/database.ts'
import { LIMITS } from '../../support/database/database-users.ts'
import { cookieOf, storedSessions } from '../../support/http/accounts.ts'
import { type App, build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'
import { EXCHANGE, exchangesOf, flaskCookieOf, makeImported } from '../../support/http/imported.ts'
import { until } from '../../support/until.ts'

/** The connections of plugins/database.ts. */
const POOL_SIZE = 10

for (const instances of [1, 2]) {
  test(`parallel requests with one Flask cookie, to ${instances} instance(s), get one session`, async (t: TestContext) => {
    const settings = { DATABASE_URL: await createDatabase() }
    const apps: App[] = []
    for (let index = 0; index < instances; index++) {
      apps.push((await build(t, { ...settings, ...EXCHANGE })).app)
    }
    const [app] = apps as [App]
    const account = await makeImported(app)
    const cookie = flaskCookieOf(account)
    const responses = await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        send(apps[index % instances] ?? app, 'GET', '/me', { cookie }),
      ),
    )
    for (const response of responses) {
      t.assert.strictEqual(response.statusCode, 200)
      t.assert.strictEqual(response.json().id, account.id)
    }
    const own = responses.filter(({ headers }) => headers['set-cookie'] !== undefined)
    t.assert.strictEqual(own.length, 1)
    t.assert.strictEqual((await storedSessions(app, account.id)).length, 1)
    const expected = { used: 1, logins: ['{"exchanged":true}'] }
    t.assert.deepStrictEqual(await exchangesOf(app, account), expected)
    for (const later of apps) {
      assertError(t, await send(later, 'GET', '/me', { cookie }), 401, 'UNAUTHENTICATED')
    }
    const [first] = own
    t.assert.ok(first)
    const again = await send(app, 'GET', '/me', { cookie: cookieOf(first) })
    t.assert.strictEqual(again.statusCode, 200)
  })
}

test('a request that waits for a connection, while another instance exchanges its cookie, gets that session', async (t: TestContext) => {
  const settings = { DATABASE_URL: await createDatabase(), ...EXCHANGE }
  const { app } = await build(t, settings)
  const { app: busy } = await build(t, { ...settings, DATABASE_TIMEOUT_MS: 60_000 })
  const account = await makeImported(app)
  const cookie = flaskCookieOf(account)

  let release: () => void = () => undefined
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  const { pool } = busy.db
  const holders = Array.from({ length: POOL_SIZE }, () =>
    pool.use(busy.db.nextLimit(), () => released),
  )
  const load = () => JSON.stringify(pool.load)
  await until(() => pool.load.busy === POOL_SIZE, load)
  const waiting = send(busy, 'GET', '/me', { cookie }).then((response) => response)
  await until(() => pool.load.waiting > 0, load)
  const first = await send(app, 'GET', '/me', { cookie })
  release()
  await Promise.all(holders)

  const second = await waiting
  for (const response of [first, second]) t.assert.strictEqual(response.statusCode, 200)
  t.assert.notStrictEqual(first.headers['set-cookie'], undefined)
  t.assert.strictEqual(second.headers['set-cookie'], undefined)
  t.assert.strictEqual((await storedSessions(app, account.id)).length, 1)
  assertError(t, await send(busy, 'GET', '/me', { cookie }), 401, 'UNAUTHENTICATED')
})

async function prepare(t: TestContext) {
  const { app } = await build(t, { DATABASE_URL: await createDatabase(), ...EXCHANGE })
  const account = await makeImported(app)
  const cookie: VerifiedFlaskCookie = {
    digest: randomBytes(32),
    userId: account.id,
    signedAt: new Date(),
    expiresAt: new Date(Date.now() + 60_000),
  }
  return { app, account, cookie }
}

function exchangeAfter(db: Database, cookie: VerifiedFlaskCookie, elapsedMs: number) {
  const secretId = randomBytes(24).toString('base64url')
  const request = {
    secretId,
    userAgent: undefined,
    origin: {},
    elapsedMs: () => elapsedMs,
    graceMs: 0,
  }
  return { secretId, result: exchange(db, cookie, LIMITS, request) }
}

test('a request that arrived before the exchange was stored gets its session, and one that arrived later none', async (t: TestContext) => {
  const { app, account, cookie } = await prepare(t)
  const first = exchangeAfter(app.db, cookie, 0)
  const sessionDigest = digest(first.secretId)
  t.assert.deepStrictEqual(await first.result, { ok: true, sessionDigest, isNew: true })
  await app.db.update(usedCookies).set({ usedAt: sql`${usedCookies.usedAt} - INTERVAL 1 HOUR` })

  const before = await exchangeAfter(app.db, cookie, 3_700_000).result
  t.assert.deepStrictEqual(before, { ok: true, sessionDigest, isNew: false })
  const after = await exchangeAfter(app.db, cookie, 3_500_000).result
  t.assert.deepStrictEqual(after, { ok: false, reason: 'cookie-refused' })
  t.assert.strictEqual((await storedSessions(app, account.id)).length, 1)
})

test('a request that waits while another exchanges its cookie gets that session', async (t: TestContext) => {
  const { app, account, cookie } = await prepare(t)
  const sessionDigest = randomBytes(32)
  const result = await changeMeanwhile(
    app,
    account.id,
    () => exchangeAfter(app.db, cookie, 0).result,
    async (tx) => {
      const { digest: key, expiresAt } = cookie
      const row = { digest: key, sessionDigest, expiresAt: expiresAt.toISOString() }
      await tx.insert(usedCookies).values({ ...row, usedAt: '2020-01-01T00:00:00.000Z' })
    },
  )
  t.assert.deepStrictEqual(result, { ok: true, sessionDigest, isNew: false })
  t.assert.deepStrictEqual(await storedSessions(app, account.id), [])
})

test('a parallel request is refused if the session or the cookie was revoked', async (t: TestContext) => {
  const { app, account } = await prepare(t)
  const cookie = flaskCookieOf(account)
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie })).statusCode, 200)
  const inFuture = { usedAt: sql`${usedCookies.usedAt} + INTERVAL 1 HOUR` }
  await app.db.update(usedCookies).set(inFuture)
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie })).statusCode, 200)

  await app.db.delete(sessions).where(eq(sessions.userId, account.id))
  assertError(t, await send(app, 'GET', '/me', { cookie }), 401, 'UNAUTHENTICATED')
  await app.db.update(usedCookies).set({ sessionDigest: null })
  assertError(t, await send(app, 'GET', '/me', { cookie }), 401, 'UNAUTHENTICATED')
  t.assert.deepStrictEqual(await storedSessions(app, account.id), [])
})

test('an exchange, while a logout of another account revokes the cookie, is refused and opens no session', async (t: TestContext) => {
  const { app, account, cookie } = await prepare(t)
  const { result } = await transaction(app.db, async (tx) => {
    const { digest: key, expiresAt } = cookie
    await tx.insert(usedCookies).values({ digest: key, expiresAt: expiresAt.toISOString() })
    const { result } = exchangeAfter(app.db, cookie, 0)
    await until(
      async () => {
        const [rows] = await app.db.execute(
          sql`SELECT id FROM information_schema.processlist
            WHERE db = DATABASE() AND info LIKE 'insert ignore%' AND id <> CONNECTION_ID()`,
        )
        return Array.isArray(rows) && rows.length > 0
      },
      () => 'the exchange does not wait for the cookie',
    )
    return { result }
  })
  t.assert.deepStrictEqual(await result, { ok: false, reason: 'cookie-refused' })
  t.assert.deepStrictEqual(await storedSessions(app, account.id), [])
})

test('a used cookie authenticates its session for FLASK_SESSIONS_GRACE, and no longer than the session lives', async (t: TestContext) => {
  const settings = { DATABASE_URL: await createDatabase(), ...EXCHANGE, FLASK_SESSIONS_GRACE: 60 }
  const { app } = await build(t, settings)
  const account = await makeImported(app)
  const cookie = flaskCookieOf(account)
  const first = await send(app, 'GET', '/me', { cookie })
  const second = await send(app, 'GET', '/me', { cookie })
  t.assert.deepStrictEqual([first.statusCode, second.statusCode], [200, 200])
  t.assert.strictEqual(second.headers['set-cookie'], undefined)
  t.assert.strictEqual((await storedSessions(app, account.id)).length, 1)
  await send(app, 'POST', '/logout', { cookie: cookieOf(first) })
  assertError(t, await send(app, 'GET', '/me', { cookie }), 401, 'UNAUTHENTICATED')

  const other = flaskCookieOf(await makeImported(app))
  await send(app, 'GET', '/me', { cookie: other })
  await app.db.update(usedCookies).set({ usedAt: sql`${usedCookies.usedAt} - INTERVAL 62 SECOND` })
  assertError(t, await send(app, 'GET', '/me', { cookie: other }), 401, 'UNAUTHENTICATED')
})
