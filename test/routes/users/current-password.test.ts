import { type TestContext, test } from 'node:test'
import { hash } from '@node-rs/bcrypt'
import { and, eq, sql } from 'drizzle-orm'
import { events, loginFailures, users } from '../../../db/schema.ts'
import { errors } from '../../../plugins/errors/errors.ts'
import { changeMeanwhile } from '../../support/database/blocked-change.ts'
import { createDatabase } from '../../support/database/database.ts'
import { type Account, makeUser, signIn, storedUser } from '../../support/http/accounts.ts'
import { type App, build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'

const DATABASE_URL = await createDatabase()
const FREE_TRIES = 10
const NEW_PASSWORD = 'a new and better one'

test('200 wrong current passwords are throttled like failed logins, and change nothing', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const start = performance.now()
  const answers = []
  for (let tries = 0; tries < 200; tries++)
    answers.push(await change(app, cookie, account, 'wrong'))
  const seconds = (performance.now() - start) / 1_000
  const tried = answers.filter(({ statusCode }) => statusCode === 400)
  // The delays of 1 s, 2 s, 4 s and so on allow one attempt each.
  const most = FREE_TRIES + Math.log2(1 + seconds)
  t.assert.ok(tried.length >= FREE_TRIES && tried.length <= most, `${tried.length} in ${seconds} s`)
  for (const answer of answers) {
    if (tried.includes(answer)) {
      assertError(t, answer, 400, 'WRONG_CURRENT_PASSWORD', ['body.currentPassword'])
    } else assertError(t, answer, 429, 'LOGIN_THROTTLED')
  }
  t.assert.strictEqual((await storedUser(app, account.id))?.passwordHash, account.passwordHash)
})

test('wrong current passwords and failed logins share their count, which a right one of either resets', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const resets = [() => change(app, cookie, account), () => logIn(app, account)]
  for (const reset of resets) {
    for (let tries = 0; tries < FREE_TRIES - 1; tries++) {
      const answer = await (tries % 2
        ? logIn(app, { ...account, password: 'wrong' })
        : change(app, cookie, account, 'wrong'))
      t.assert.strictEqual(answer.statusCode, 400)
    }
    t.assert.strictEqual((await reset()).statusCode, 200)
    account.password = NEW_PASSWORD
    t.assert.strictEqual(await app.db.$count(loginFailures, eq(loginFailures.failures, 9)), 0)
  }
  for (let tries = 0; tries < FREE_TRIES; tries++) await change(app, cookie, account, 'wrong')
  await app.db
    .update(loginFailures)
    .set({ failures: 16, blockedUntil: sql`now(3) + interval 64 second` })
    .where(eq(loginFailures.failures, FREE_TRIES))
  assertError(t, await logIn(app, account), 429, 'LOGIN_THROTTLED')
  const refused = await change(app, cookie, account)
  assertError(t, refused, 429, 'LOGIN_THROTTLED')
  t.assert.ok(Number(refused.headers['retry-after']) > 50)
  const without = await change(app, cookie, account, null)
  t.assert.strictEqual(without.statusCode, 200, 'nothing is verified without a current password')
})

test('wrong current passwords are recorded in one event a minute for each actor and account', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const admin = await makeUser(app, 'admin')
  const [own, byAdmin] = [await signIn(app, account), await signIn(app, admin)]
  for (let tries = 0; tries < 4; tries++) await change(app, own, account, 'wrong')
  for (let tries = 0; tries < 3; tries++) await change(app, byAdmin, account, 'wrong')
  for (const [actorId, expected] of [
    [account.id, 4],
    [admin.id, 3],
  ] as const) {
    const rows = await app.db
      .select()
      .from(events)
      .where(and(eq(events.userId, account.id), eq(events.actorId, actorId)))
    t.assert.ok(rows.length <= 2) // two if the minute changes in between
    t.assert.strictEqual(
      rows.reduce((sum, { count }) => sum + count, 0),
      expected,
    )
    for (const { type, outcome, address, detail } of rows) {
      t.assert.deepStrictEqual(
        [type, outcome, address, detail],
        ['password_changed', 'failure', '127.0.0.1', null],
      )
    }
  }
  const listed = await send(app, 'GET', `/events?userId=${account.id}`, { cookie: byAdmin })
  t.assert.strictEqual(listed.json().items[0].outcome, 'failure')
})

test('current passwords that are not verified because of a server error do not count', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const before = await app.db.$count(loginFailures)
  const verify = t.mock.method(app.passwords, 'verify', () => {
    throw new errors.SERVICE_UNAVAILABLE()
  })
  for (let tries = 0; tries < FREE_TRIES + 5; tries++) {
    assertError(t, await change(app, cookie, account), 503, 'SERVICE_UNAVAILABLE')
  }
  verify.mock.restore()
  t.assert.strictEqual(await app.db.$count(loginFailures), before)
  t.assert.strictEqual((await change(app, cookie, account)).statusCode, 200)
})

test('wrong current passwords with LOGIN_THROTTLE_ENABLED=false are not throttled', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, LOGIN_THROTTLE_ENABLED: false })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  for (let tries = 0; tries < FREE_TRIES + 5; tries++) {
    t.assert.strictEqual((await change(app, cookie, account, 'wrong')).statusCode, 400)
  }
})

test('a password change with the right current password succeeds if a login renews its hash meanwhile', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const passwordHash = await hash(account.password, { cost: 5 })
  const response = await changeMeanwhile(
    app,
    account.id,
    () => change(app, cookie, account),
    (tx) => tx.update(users).set({ passwordHash }).where(eq(users.id, account.id)),
  )
  t.assert.strictEqual(response.statusCode, 200, response.body)
})

/** @param currentPassword null to send none; the default is the right one */
function change(
  app: App,
  cookie: string,
  { id, password }: Account,
  currentPassword: string | null = password,
) {
  const body = { password: NEW_PASSWORD, ...(currentPassword !== null && { currentPassword }) }
  return send(app, 'PUT', `/user/update-password/${id}`, { cookie, body })
}

function logIn(app: App, { username, password }: Account) {
  return send(app, 'POST', '/login', { body: { username, password } })
}
