import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { eq, sql } from 'drizzle-orm'
import { sweep } from '../../../db/queries/sweep.ts'
import { events, idempotentResponses, tokens, users } from '../../../db/schema.ts'
import { makeUser, signIn, signInAdmin, storedTokens } from '../../support/http/accounts.ts'
import { build, send, TEST_SECRET } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'
import { buildAlone, countAnswers, createToken, PASSWORD, register } from './requests.ts'

const OLD_SECRET = TEST_SECRET
const NEW_SECRET = 'another secret that the tests alone sign with'

test('a key with another body, query, path or If-Match is a 422, and changes nothing', async (t: TestContext) => {
  const { app } = await buildAlone(t)
  const account = await makeUser(app)
  const other = await makeUser(app)
  const cookie = await signIn(app, account)
  t.assert.strictEqual((await createToken(app, cookie)).statusCode, 200)
  assertError(t, await createToken(app, cookie, { name: 'else' }), 422, 'IDEMPOTENCY_KEY_REUSED')
  t.assert.strictEqual((await storedTokens(app, account.id)).length, 1)

  const headers = { 'idempotency-key': 'two' }
  await signIn(app, account)
  t.assert.strictEqual(
    (await send(app, 'DELETE', '/sessions', { cookie, headers })).statusCode,
    200,
  )
  const all = await send(app, 'DELETE', '/sessions?scope=all', { cookie, headers })
  assertError(t, all, 422, 'IDEMPOTENCY_KEY_REUSED')

  const admin = await signInAdmin(app)
  const patch = (id: number, ifMatch?: string) =>
    send(app, 'PATCH', `/user/${id}`, {
      cookie: admin,
      body: { role: 'admin' },
      headers: { ...headers, ...(ifMatch && { 'if-match': ifMatch }) },
    })
  t.assert.strictEqual((await patch(account.id)).statusCode, 200)
  assertError(t, await patch(other.id), 422, 'IDEMPOTENCY_KEY_REUSED')
  assertError(t, await patch(account.id, '*'), 422, 'IDEMPOTENCY_KEY_REUSED')
  const [row] = await app.db.select().from(users).where(eq(users.id, other.id))
  t.assert.strictEqual(row?.role, 'user')
})

test('a body with its properties in another order is the same body', async (t: TestContext) => {
  const { app } = await buildAlone(t)
  const cookie = await signIn(app, await makeUser(app))
  const headers = { 'idempotency-key': 'one' }
  const [first, second] = [
    { name: 'job', scopes: ['orders:read', 'sessions'] },
    { scopes: ['orders:read', 'sessions'], name: 'job' },
  ].map((body) => () => send(app, 'POST', '/tokens', { cookie, body, headers }))
  t.assert.strictEqual((await first?.())?.body, (await second?.())?.body)
  const swapped = { name: 'job', scopes: ['sessions', 'orders:read'] }
  const other = await send(app, 'POST', '/tokens', { cookie, body: swapped, headers })
  assertError(t, other, 422, 'IDEMPOTENCY_KEY_REUSED')
})

test('an anonymous registration is repeated, and a guessed key with another body reads nothing', async (t: TestContext) => {
  const { app } = await buildAlone(t)
  const username = `u-${randomUUID()}`
  const first = await register(app, username, PASSWORD)
  const retry = await register(app, username, PASSWORD)
  t.assert.strictEqual(first.statusCode, 200, first.body)
  t.assert.strictEqual(retry.body, first.body)
  const guess = await register(app, username, 'another wind from the harbour')
  assertError(t, guess, 400, 'USERNAME_TAKEN', ['body.username'])
  t.assert.strictEqual(guess.headers['idempotency-replayed'], undefined)
  const stranger = await register(app, `u-${randomUUID()}`, PASSWORD)
  t.assert.strictEqual(stranger.statusCode, 200)
  t.assert.notStrictEqual(stranger.body, first.body)
  t.assert.strictEqual(await app.db.$count(users), 2)
})

test('a change whose transaction fails leaves no answer, and the retry makes it', async (t: TestContext) => {
  const { app } = await buildAlone(t, { failing: true })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  await app.db.execute(sql`RENAME TABLE ${events} TO events_elsewhere`)
  const failed = await createToken(app, cookie)
  t.assert.strictEqual(failed.statusCode, 503, failed.body)
  await app.db.execute(sql`RENAME TABLE events_elsewhere TO ${events}`)
  t.assert.strictEqual(await countAnswers(app), 0)
  t.assert.deepStrictEqual(await storedTokens(app, account.id), [])
  const retry = await createToken(app, cookie)
  t.assert.strictEqual(retry.statusCode, 200)
  t.assert.strictEqual(retry.headers['idempotency-replayed'], undefined)
})

test('a stored answer is encrypted, the key is not stored, and each works in its own record only', async (t: TestContext) => {
  const { app, keepSecret } = await buildAlone(t)
  const cookie = await signIn(app, await makeUser(app))
  const key = 'a key that nobody guesses'
  const { token } = (await createToken(app, cookie, { key })).json()
  keepSecret(token)
  const [row] = await app.db.select().from(idempotentResponses)
  const stored = Buffer.concat([
    row?.id ?? Buffer.of(),
    row?.fingerprint ?? Buffer.of(),
    row?.response ?? Buffer.of(),
  ])
  t.assert.ok(stored.length > 200)
  for (const text of [token, token.slice(3), 'job', 'application/json', key]) {
    t.assert.ok(!stored.includes(text), text)
  }
  const [{ response } = { response: Buffer.of() }] = [row].flatMap((one) => one ?? [])
  await createToken(app, cookie, { key: 'another' })
  await app.db.update(idempotentResponses).set({ response })
  assertError(t, await createToken(app, cookie, { key: 'another' }), 422, 'IDEMPOTENCY_KEY_REUSED')
  response.writeUInt8((response.at(-1) ?? 0) ^ 1, response.length - 1)
  await app.db.update(idempotentResponses).set({ response })
  assertError(t, await createToken(app, cookie, { key }), 422, 'IDEMPOTENCY_KEY_REUSED')
})

test('answers are repeated while their secret is in the list, and then are a 422', async (t: TestContext) => {
  const { app, DATABASE_URL } = await buildAlone(t)
  const { app: rotated } = await build(t, {
    DATABASE_URL,
    SESSION_SECRET: `${NEW_SECRET},${OLD_SECRET}`,
  })
  const { app: renewed } = await build(t, { DATABASE_URL, SESSION_SECRET: NEW_SECRET })
  const account = await makeUser(app)
  const username = `u-${randomUUID()}`
  const token = await createToken(app, await signIn(app, account))
  const user = await register(app, username, PASSWORD)
  const [tokenAgain, userAgain] = [
    await createToken(rotated, await signIn(rotated, account)),
    await register(rotated, username, PASSWORD),
  ]
  t.assert.strictEqual(tokenAgain.body, token.body)
  t.assert.strictEqual(userAgain.body, user.body)
  const unknown = await createToken(renewed, await signIn(renewed, account))
  assertError(t, unknown, 422, 'IDEMPOTENCY_KEY_REUSED')
  // Nobody can find the record of an anonymous request without its secret.
  const taken = await register(renewed, username, PASSWORD)
  assertError(t, taken, 400, 'USERNAME_TAKEN', ['body.username'])
  t.assert.strictEqual(await app.db.$count(tokens), 1)
})

test('an expired answer does not count, and a sweep deletes it', async (t: TestContext) => {
  const { app } = await buildAlone(t, { IDEMPOTENCY_RETENTION: 3_600 })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const first = await createToken(app, cookie)
  const [{ leftS } = { leftS: 0 }] = await app.db
    .select({
      leftS: sql<number>`TIMESTAMPDIFF(SECOND, CURRENT_TIMESTAMP, ${idempotentResponses.expiresAt})`,
    })
    .from(idempotentResponses)
  t.assert.ok(leftS > 3_000 && leftS <= 3_600, String(leftS))
  const expire = () =>
    app.db.update(idempotentResponses).set({ expiresAt: sql`CURRENT_TIMESTAMP(3)` })
  await expire()
  const second = await createToken(app, cookie)
  t.assert.strictEqual(second.statusCode, 200, second.body)
  t.assert.notStrictEqual(second.body, first.body)
  t.assert.strictEqual((await storedTokens(app, account.id)).length, 2)
  t.assert.strictEqual(await countAnswers(app), 1)

  await expire()
  await createToken(app, cookie, { key: 'two' })
  t.assert.strictEqual(await sweep(app.db, { idleMs: 3_600_000, eventsMs: 86_400_000 }), 1)
  t.assert.strictEqual(await countAnswers(app), 1)
  t.assert.strictEqual((await createToken(app, cookie, { key: 'two' })).statusCode, 200)
  t.assert.strictEqual((await storedTokens(app, account.id)).length, 3)
})
