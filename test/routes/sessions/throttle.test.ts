import { type TestContext, test } from 'node:test'
import { eq, sql } from 'drizzle-orm'
import { countLogin } from '../../../db/queries/throttle.ts'
import { loginFailures } from '../../../db/schema.ts'
import { errors } from '../../../plugins/errors/errors.ts'
import { makeUser } from '../../support/accounts.ts'
import { type App, build, send } from '../../support/build.ts'
import { createDatabase } from '../../support/database.ts'
import { assertError } from '../../support/error-answer.ts'

const DATABASE_URL = await createDatabase()
const options = { DATABASE_URL, TRUST_PROXY: '127.0.0.1' }
const FREE_TRIES = 10

function attempt(app: App, username: string, password: string, address: string) {
  const headers = { 'x-forwarded-for': address }
  return send(app, 'POST', '/login', { body: { username, password }, headers })
}

/** Lengthens the delays that there are, so that a test doesn't race them. */
async function blockFor(app: App, seconds: number): Promise<void> {
  await app.db
    .update(loginFailures)
    .set({ blockedUntil: sql`now(3) + interval ${seconds * 1_000_000} microsecond` })
    .where(sql`blocked_until > last_at + interval 500000 microsecond`)
}

test('line 3: failures in a row delay the next try, from the same range only, also after a restart', async (t: TestContext) => {
  const { app } = await build(t, options)
  const { username, password } = await makeUser(app)
  for (let tries = 0; tries < FREE_TRIES; tries++) {
    t.assert.strictEqual((await attempt(app, username, 'wrong', '192.0.2.1')).statusCode, 400)
  }
  await blockFor(app, 60)
  const refused = await attempt(app, username, password, '192.0.2.99')
  assertError(t, refused, 429, 'LOGIN_THROTTLED')
  t.assert.ok(Number(refused.headers['retry-after']) > 50)

  const { app: restarted } = await build(t, options)
  const still = await attempt(restarted, username, password, '192.0.2.1')
  assertError(t, still, 429, 'LOGIN_THROTTLED')
  const victim = await attempt(restarted, username.toUpperCase(), password, '198.51.100.7')
  t.assert.strictEqual(victim.statusCode, 200)
})

test('line 3: each failure more doubles the delay, up to 15 minutes; a success clears it', async (t: TestContext) => {
  const { app } = await build(t, options)
  const { username, password } = await makeUser(app)
  for (let tries = 1; tries < FREE_TRIES; tries++) await countLogin(app.db, username, '192.0.2')
  const delays: number[] = []
  for (let tries = 0; tries < 12; tries++) {
    await app.db.update(loginFailures).set({ blockedUntil: sql`now(3)` })
    await countLogin(app.db, username, '192.0.2')
    delays.push(await countLogin(app.db, username, '192.0.2'))
  }
  t.assert.deepStrictEqual(delays, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900])

  await app.db.update(loginFailures).set({ blockedUntil: sql`now(3)` })
  t.assert.strictEqual((await attempt(app, username, password, '192.0.2.1')).statusCode, 200)
  t.assert.strictEqual((await attempt(app, username, 'wrong', '192.0.2.1')).statusCode, 400)
  t.assert.strictEqual((await attempt(app, username, 'wrong', '192.0.2.1')).statusCode, 400)
})

test('line 3: 100 failures in a row stop an account whatever the address', async (t: TestContext) => {
  const { app } = await build(t, options)
  const { username, password } = await makeUser(app)
  for (let tries = 0; tries < 100; tries++) {
    t.assert.strictEqual(await countLogin(app.db, username, `10.0.${tries}`), 0)
  }
  t.assert.ok((await countLogin(app.db, username, '10.1.1')) > 0)
  await blockFor(app, 60)
  const refused = await attempt(app, username, password, '203.0.113.5')
  assertError(t, refused, 429, 'LOGIN_THROTTLED')
})

test('line 3: unknown names are throttled alike, in the same bytes and headers', async (t: TestContext) => {
  const { app } = await build(t, options)
  const { username } = await makeUser(app)
  const answers = new Set<string>()
  for (const name of [username, 'nobody-at-all']) {
    for (let tries = 0; tries < FREE_TRIES; tries++) await attempt(app, name, 'wrong', '192.0.2.1')
    await blockFor(app, 59.5)
    const { statusCode, headers, body } = await attempt(app, name, 'wrong', '192.0.2.1')
    const { date: _, 'x-request-id': __, ...others } = headers
    answers.add(JSON.stringify([statusCode, others, body]))
  }
  t.assert.strictEqual(answers.size, 1, [...answers].join('\n'))
  t.assert.match([...answers].join(), /LOGIN_THROTTLED.*|"retry-after":60/)
})

test('line 3: 60 tries at once are counted as 60: no more than the free ones are tried', async (t: TestContext) => {
  const { app } = await build(t, options)
  const { username } = await makeUser(app)
  const answers = await Promise.all(
    Array.from({ length: 60 }, () => attempt(app, username, 'wrong', '192.0.2.1')),
  )
  const tried = answers.filter(({ statusCode }) => statusCode === 400).length
  // One more for each delay that ends while they are answered.
  t.assert.ok(tried >= FREE_TRIES && tried <= FREE_TRIES + 3, `${tried} were tried`)
  const keys = await app.db.select().from(loginFailures).where(eq(loginFailures.failures, tried))
  t.assert.ok(keys.length >= 1)
})

test('line 3: a login that is not judged, since too many wait, is not counted', async (t: TestContext) => {
  const { app } = await build(t, options)
  const { username } = await makeUser(app)
  const verify = t.mock.method(app.passwords, 'verify', () => {
    throw new errors.SERVICE_UNAVAILABLE()
  })
  for (let tries = 0; tries < FREE_TRIES + 5; tries++) {
    assertError(t, await attempt(app, username, 'wrong', '192.0.2.1'), 503, 'SERVICE_UNAVAILABLE')
  }
  verify.mock.restore()
  assertError(t, await attempt(app, username, 'wrong', '192.0.2.1'), 400, 'INVALID_CREDENTIALS')
})
