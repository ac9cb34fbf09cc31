import { connect } from 'node:net'
import { performance } from 'node:perf_hooks'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { loginFailures } from '../../../db/schema.ts'
import { makeUser, signIn } from '../../support/accounts.ts'
import { type App, build, send } from '../../support/build.ts'
import { createDatabase } from '../../support/database.ts'
import { assertError } from '../../support/error-answer.ts'
import { listen } from '../../support/raw-http.ts'

const DATABASE_URL = await createDatabase()
const POLL_MS = 5
const LOGIN = 'POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n'

test('logins, more at once than the queue takes, are refused within 100 ms, whether the account exists or not', async (t: TestContext) => {
  const cost = 12 // so that the queue stays full for all tries
  const options = { DATABASE_URL, BCRYPT_COST: cost, HASH_CONCURRENCY: 1, HASH_QUEUE: 2 }
  const { app } = await build(t, options)
  const known = await makeUser(app, 'user', cost)
  const login = async (username: string) => {
    const start = performance.now()
    const answer = await send(app, 'POST', '/login', { body: { username, password: 'wrong one' } })
    return { answer, tookMs: performance.now() - start }
  }
  const first = Array.from({ length: 3 }, (_, index) => login(`nobody-${index}`))
  await untilLoad(app, { running: 1, waiting: 2 })
  for (const username of [known.username, 'nobody']) {
    const times: number[] = []
    for (let tries = 0; tries < 5; tries++) {
      const { answer, tookMs } = await login(username)
      assertError(t, answer, 503, 'HASH_CAPACITY')
      t.assert.ok(Number(answer.headers['retry-after']) >= 1)
      times.push(tookMs)
    }
    // Of several: other processes share the cores, and one of them may have them for a while.
    const [, , median = 0] = times.sort((a, b) => a - b)
    t.assert.ok(median < 100, `${times.join(', ')} ms`)
  }
  for (const { answer } of await Promise.all(first)) {
    assertError(t, answer, 400, 'INVALID_CREDENTIALS')
  }
  const { password, username } = known
  const login2 = await send(app, 'POST', '/login', { body: { username, password } })
  t.assert.strictEqual(login2.statusCode, 200, 'what was refused did not count as a failure')
})

test('registration and a change of password, while the queue is full, are refused and change nothing', async (t: TestContext) => {
  const options = { DATABASE_URL, BCRYPT_COST: 10, HASH_CONCURRENCY: 1, HASH_QUEUE: 0 }
  const { app } = await build(t, options)
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const password = 'a wind from the old harbour'
  const body = { username: 'nobody', password }
  const running = send(app, 'POST', '/login', { body }).then((answer) => answer)
  await untilLoad(app, { running: 1, waiting: 0 })
  const refused = [
    await send(app, 'POST', '/user', { body: { username: 'late', password } }),
    await send(app, 'PUT', `/user/update-password/${account.id}`, { cookie, body: { password } }),
  ]
  for (const answer of refused) assertError(t, answer, 503, 'HASH_CAPACITY')
  assertError(t, await running, 400, 'INVALID_CREDENTIALS')
  const { password: old, username } = account
  const login = await send(app, 'POST', '/login', { body: { username, password: old } })
  t.assert.strictEqual(login.statusCode, 200)
})

test('a login, whose client hangs up while it waits for its hash, leaves the queue and counts as no failure', async (t: TestContext) => {
  const options = { DATABASE_URL, BCRYPT_COST: 10, HASH_CONCURRENCY: 1, HASH_QUEUE: 10 }
  const { app, log } = await build(t, options)
  const port = await listen(app)
  const before = await countFailures(app)
  const others = Array.from({ length: 3 }, (_, index) => {
    const body = { username: `nobody-${index}`, password: 'wrong one' }
    return send(app, 'POST', '/login', { body }).then((answer) => answer)
  })
  await untilLoad(app, { running: 1, waiting: 2 })
  const body = JSON.stringify({ username: 'in-a-hurry', password: 'wrong one' })
  const client = connect(port, '127.0.0.1')
  client.write(`${LOGIN}Content-Length: ${body.length}\r\n\r\n${body}`)
  await untilLoad(app, { running: 1, waiting: 3 })
  client.destroy()
  await untilLoad(app, { running: 1, waiting: 2 })
  await Promise.all(others)
  t.assert.strictEqual(await countFailures(app), before + 2 * others.length)
  t.assert.ok(!log.text.includes('request not served'))
})

test('passwords, while they are hashed, hold no connection to the database', async (t: TestContext) => {
  const options = { DATABASE_URL, BCRYPT_COST: 10, HASH_CONCURRENCY: 1, HASH_QUEUE: 20 }
  const { app } = await build(t, options)
  const account = await makeUser(app, 'user', 10)
  const cookie = await signIn(app, account)
  let held = 0
  app.db.$client.on('acquire', () => held++)
  app.db.$client.on('release', () => held--)
  const { username, password } = account
  const renewed = 'a wind from the old harbour'
  const pending = [
    send(app, 'POST', '/login', { body: { username, password } }),
    send(app, 'POST', '/user', { body: { username: 'somebody', password: renewed } }),
    send(app, 'PUT', `/user/update-password/${account.id}`, {
      cookie,
      body: { password: renewed, currentPassword: password },
    }),
  ].map((answer) => answer.then(({ statusCode }) => statusCode))
  await untilLoad(app, { running: 1, waiting: 2 })
  await sleep(20) // far less than a hash takes
  t.assert.strictEqual(held, 0)
  await Promise.all(pending)
})

/** Waits until so many hashes are computed and wait. */
async function untilLoad(app: App, { running, waiting }: { running: number; waiting: number }) {
  const deadline = Date.now() + 5_000
  for (;;) {
    const { load } = app.passwords.queue
    if (load.running === running && load.waiting === waiting) return
    if (Date.now() > deadline) throw new Error(`the queue has ${JSON.stringify(load)}`)
    await sleep(POLL_MS)
  }
}

/** A failed login counts twice: for its account and range, and for its account. */
async function countFailures(app: App): Promise<number> {
  const sum = sql`COALESCE(SUM(${loginFailures.failures}), 0)`.mapWith(Number)
  const [row] = await app.db.select({ sum }).from(loginFailures)
  return row?.sum ?? 0
}
