import { type TestContext, test } from 'node:test'
import { eq, inArray, sql } from 'drizzle-orm'
import { countAttempt } from '../../../db/queries/throttle.ts'
import { loginFailures } from '../../../db/schema.ts'
import { errors } from '../../../plugins/errors/errors.ts'
import { createDatabase } from '../../support/database/database.ts'
import { makeUser } from '../../support/http/accounts.ts'
import { type App, build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'

const DATABASE_URL = await createDatabase()
const options = { DATABASE_URL, TRUST_PROXY: '127.0.0.1' }
const FREE_TRIES = 10

function attempt(app: App, username: string, password: string, address: string) {
  const headers = { 'x-forwarded-for': address }
  return send(app, 'POST', '/login', { body: { username, password }, headers })
}

/** Adds six failures to the counters that delay by 1 s, so that no delay ends during the test. */
async function extendDelays(app: App): Promise<void> {
  await app.db
    .update(loginFailures)
    .set({ failures: sql`failures + 6`, blockedUntil: sql`now(3) + interval 64 second` })
    .where(sql`blocked_until > last_at + interval 500000 microsecond`)
}

async function endDelays(app: App): Promise<void> {
  await app.db.update(loginFailures).set({ blockedUntil: sql`last_at` })
}

/** In seconds, as it was set: the rest of it would depend on the time that the test takes. */
async function longestDelay(app: App): Promise<number> {
  const delay = sql`MAX(TIMESTAMPDIFF(MICROSECOND, last_at, blocked_until))`.mapWith(Number)
  const [row] = await app.db.select({ delay }).from(loginFailures)
  return Math.round((row?.delay ?? 0) / 1_000_000)
}

test('failed logins in a row delay the next login from the same address range, also after a restart', async (t: TestContext) => {
  const { app } = await build(t, options)
  const { username, password } = await makeUser(app)
  for (let tries = 0; tries < FREE_TRIES; tries++) {
    t.assert.strictEqual((await attempt(app, username, 'wrong', '192.0.2.1')).statusCode, 400)
  }
  await extendDelays(app)
  const refused = await attempt(app, username, password, '192.0.2.99')
  assertError(t, refused, 429, 'LOGIN_THROTTLED')
  t.assert.ok(Number(refused.headers['retry-after']) > 50)

  const { app: restarted } = await build(t, options)
  const still = await attempt(restarted, username, password, '192.0.2.1')
  assertError(t, still, 429, 'LOGIN_THROTTLED')
  const victim = await attempt(restarted, username.toUpperCase(), password, '198.51.100.7')
  t.assert.strictEqual(victim.statusCode, 200)
})

test('each further failed login doubles the delay, up to 15 minutes, and a successful login clears it', async (t: TestContext) => {
  const { app } = await build(t, options)
  const { username, password } = await makeUser(app)
  for (let tries = 1; tries < FREE_TRIES; tries++) await countAttempt(app.db, username, '192.0.2')
  const delays: number[] = []
  for (let tries = 0; tries < 12; tries++) {
    await endDelays(app)
    t.assert.strictEqual(await countAttempt(app.db, username, '192.0.2'), 0)
    delays.push(await longestDelay(app))
  }
  t.assert.deepStrictEqual(delays, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900])

  await endDelays(app)
  t.assert.strictEqual((await attempt(app, username, password, '192.0.2.1')).statusCode, 200)
  t.assert.strictEqual((await attempt(app, username, 'wrong', '192.0.2.1')).statusCode, 400)
  t.assert.strictEqual((await attempt(app, username, 'wrong', '192.0.2.1')).statusCode, 400)
})

test('100 failed logins in a row delay the next login of an account from any address', async (t: TestContext) => {
  const { app } = await build(t, options)
  const { username, password } = await makeUser(app)
  for (let tries = 0; tries < 100; tries++) {
    t.assert.strictEqual(await countAttempt(app.db, username, `10.0.${tries}`), 0)
  }
  t.assert.ok((await countAttempt(app.db, username, '10.1.1')) > 0)
  await extendDelays(app)
  const refused = await attempt(app, username, password, '203.0.113.5')
  assertError(t, refused, 429, 'LOGIN_THROTTLED')
})

test('failed logins of an unknown name are throttled with the same status, headers and body', async (t: TestContext) => {
  const { app } = await build(t, options)
  const { username } = await makeUser(app)
  const answers = new Set<string>()
  for (const name of [username, 'nobody-at-all']) {
    for (let tries = 0; tries < FREE_TRIES; tries++) await attempt(app, name, 'wrong', '192.0.2.1')
    await extendDelays(app)
    const { statusCode, headers, body } = await attempt(app, name, 'wrong', '192.0.2.1')
    const { date: _, 'x-request-id': __, 'retry-after': seconds, ...others } = headers
    // It counts down while the test runs.
    t.assert.match(String(seconds), /^(6[0-4]|5[0-9])$/)
    answers.add(JSON.stringify([statusCode, others, body]))
  }
  t.assert.strictEqual(answers.size, 1, [...answers].join('\n'))
  t.assert.match([...answers].join(), /LOGIN_THROTTLED/)
})

test('60 concurrent logins with a wrong password are limited like logins in a row', async (t: TestContext) => {
  const { app } = await build(t, options)
  const { username } = await makeUser(app)
  const start = performance.now()
  const answers = await Promise.all(
    Array.from({ length: 60 }, () => attempt(app, username, 'wrong', '192.0.2.1')),
  )
  const seconds = (performance.now() - start) / 1_000
  const tried = answers.filter(({ statusCode }) => statusCode === 400).length
  // The delays of 1 s, 2 s, 4 s and so on may end before the last answer: each allows one login.
  const most = FREE_TRIES + Math.log2(1 + seconds)
  t.assert.ok(tried >= FREE_TRIES && tried <= most, `${tried} were tried in ${seconds} s`)
  const keys = await app.db.select().from(loginFailures).where(eq(loginFailures.failures, tried))
  t.assert.ok(keys.length >= 1)
})

test('a login that is refused before its password is checked does not count as a failed login', async (t: TestContext) => {
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

test('failed and throttled logins write no log line at the level warn', async (t: TestContext) => {
  const { app, log } = await build(t, { ...options, LOG_LEVEL: 'warn' })
  const { username } = await makeUser(app)
  for (const name of [username, 'nobody-in-the-log']) {
    for (let tries = 0; tries < FREE_TRIES; tries++) await attempt(app, name, 'wrong', '192.0.2.1')
    await extendDelays(app)
    assertError(t, await attempt(app, name, 'wrong', '192.0.2.1'), 429, 'LOGIN_THROTTLED')
  }
  t.assert.strictEqual(log.text, '')
})

test('a delay that ends a day ahead, because the clock was set back, is shortened to that of its failures', async (t: TestContext) => {
  const { app } = await build(t, options)
  for (const [failures, delayS] of [
    [FREE_TRIES, 1],
    [FREE_TRIES + 3, 8],
    [FREE_TRIES + 20, 900],
  ] as const) {
    const { username, password } = await makeUser(app)
    const stored = await countersOf(app, username)
    await app.db
      .update(loginFailures)
      .set({ failures, blockedUntil: sql`now(3) + interval 1 day`, lastAt: sql`now(3)` })
      .where(stored)
    const refused = await attempt(app, username, password, '192.0.2.1')
    assertError(t, refused, 429, 'LOGIN_THROTTLED')
    t.assert.strictEqual(refused.headers['retry-after'], String(delayS))
    const rows = await app.db.select().from(loginFailures).where(stored)
    const ahead = rows.map(
      ({ lastAt, blockedUntil }) => Date.parse(blockedUntil) - Date.parse(lastAt),
    )
    t.assert.strictEqual(Math.round(Math.max(...ahead) / 1_000), delayS)
    t.assert.ok(rows.every((row) => row.failures === failures))

    await app.db.update(loginFailures).set({ blockedUntil: sql`now(3)` }).where(stored)
    const { statusCode } = await attempt(app, username, password, '192.0.2.1')
    t.assert.strictEqual(statusCode, 200, 'the attempt after the delay')
    t.assert.deepStrictEqual(await app.db.select().from(loginFailures).where(stored), [])
  }
})

test('a login with fewer failures than cause a delay succeeds although the clock was set back', async (t: TestContext) => {
  const { app } = await build(t, options)
  const { username, password } = await makeUser(app)
  const stored = await countersOf(app, username)
  const ahead = sql`now(3) + interval 1 day`
  const [failures, lastAt] = [FREE_TRIES - 1, ahead]
  await app.db.update(loginFailures).set({ failures, lastAt, blockedUntil: ahead }).where(stored)
  t.assert.strictEqual((await attempt(app, username, password, '192.0.2.1')).statusCode, 200)
  t.assert.deepStrictEqual(await app.db.select().from(loginFailures).where(stored), [])
})

/** Counts one attempt. @returns the condition that selects both counters of the account */
async function countersOf(app: App, username: string) {
  const others = await app.db.select().from(loginFailures)
  await countAttempt(app.db, username, '192.0.2')
  const known = others.map(({ key }) => key)
  const rows = await app.db.select().from(loginFailures)
  const keys = rows.map(({ key }) => key).filter((key) => !known.some((old) => old.equals(key)))
  return inArray(loginFailures.key, keys)
}
