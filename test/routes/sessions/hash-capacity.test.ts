import { EventEmitter, once } from 'node:events'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { sql } from 'drizzle-orm'
import { loginFailures } from '../../../db/schema.ts'
import { createDatabase } from '../../support/database/database.ts'
import { makeUser, signIn } from '../../support/http/accounts.ts'
import { type App, build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'
import { listen } from '../../support/http/raw-http.ts'
import { until } from '../../support/until.ts'

const DATABASE_URL = await createDatabase()
const ONE_SLOT = { DATABASE_URL, HASH_CONCURRENCY: 1 }
const LOGIN = 'POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n'
const NEW_PASSWORD = 'a wind from the old harbour'
/** After 10 failed logins in a row, the next one is delayed. */
const MORE_THAN_FREE_TRIES = 11

test('logins while the hash queue is full are refused at once, whether the account exists or not', async (t: TestContext) => {
  const { app } = await build(t, { ...ONE_SLOT, HASH_QUEUE: 0 })
  const { username, password } = await makeUser(app)
  const release = holdSlot(app)
  for (const name of [username, 'nobody']) {
    for (let tries = 0; tries < MORE_THAN_FREE_TRIES; tries++) {
      const answer = await logIn(app, name, 'wrong one')
      assertError(t, answer, 503, 'HASH_CAPACITY')
    }
  }
  t.assert.strictEqual(await release(), 0, 'no login waits')
  const { statusCode } = await logIn(app, username, password)
  t.assert.strictEqual(statusCode, 200, 'a refused login does not count as a failed one')
})

test('registration and password change while the hash queue is full are refused and change nothing', async (t: TestContext) => {
  const { app } = await build(t, { ...ONE_SLOT, HASH_QUEUE: 0 })
  const account = await makeUser(app)
  const { id, username, password } = account
  const cookie = await signIn(app, account)
  const release = holdSlot(app)
  const [late, body] = [{ username: 'late', password: NEW_PASSWORD }, { password: NEW_PASSWORD }]
  for (const answer of [
    await send(app, 'POST', '/user', { body: late }),
    await send(app, 'PUT', `/user/update-password/${id}`, { cookie, body }),
  ]) {
    assertError(t, answer, 503, 'HASH_CAPACITY')
  }
  t.assert.strictEqual(await release(), 0, 'no request waits')
  t.assert.strictEqual((await logIn(app, 'late', NEW_PASSWORD)).statusCode, 400)
  t.assert.strictEqual((await logIn(app, username, password)).statusCode, 200)
})

test('a login whose client disconnects while it waits leaves the hash queue and does not count as failed', async (t: TestContext) => {
  const { app, log } = await build(t, { ...ONE_SLOT, HASH_QUEUE: 10 })
  const port = await listen(app)
  const before = await countFailures(app)
  const release = holdSlot(app)
  const body = JSON.stringify({ username: 'in-a-hurry', password: 'wrong one' })
  const client = connect(port, '127.0.0.1')
  client.write(`${LOGIN}Content-Length: ${body.length}\r\n\r\n${body}`)
  await untilWaiting(app, 1)
  t.assert.strictEqual(await countFailures(app), before + 2)
  client.destroy()
  await untilWaiting(app, 0)
  await release()
  await until(
    async () => (await countFailures(app)) === before,
    () => 'the login still counts',
  )
  t.assert.ok(!log.text.includes('request not served'))
})

test('pipelined logins whose client disconnects while they wait leave the hash queue', async (t: TestContext) => {
  const { app, log } = await build(t, { ...ONE_SLOT, HASH_QUEUE: 10 })
  const port = await listen(app)
  const release = holdSlot(app)
  const body = JSON.stringify({ username: 'in-a-hurry', password: 'wrong one' })
  const client = connect(port, '127.0.0.1')
  client.write(`${LOGIN}Content-Length: ${body.length}\r\n\r\n${body}`.repeat(3))
  await untilWaiting(app, 3)
  client.destroy()
  await untilWaiting(app, 0)
  await release()
  t.assert.ok(!log.text.includes('request not served'), 'none has waited to its limit')
})

test('requests that wait for a hash hold no database connection', async (t: TestContext) => {
  const { app } = await build(t, { ...ONE_SLOT, HASH_QUEUE: 20 })
  const { username, password } = await makeUser(app)
  const other = await makeUser(app) // its change must not meet the login, in whatever order
  const cookie = await signIn(app, other)
  const release = holdSlot(app)
  const change = { password: NEW_PASSWORD, currentPassword: other.password }
  const pending = [
    logIn(app, username, password),
    send(app, 'POST', '/user', { body: { username: 'somebody', password: NEW_PASSWORD } }),
    send(app, 'PUT', `/user/update-password/${other.id}`, { cookie, body: change }),
  ].map((answer) => answer.then(({ statusCode }) => statusCode))
  await untilWaiting(app, pending.length)
  t.assert.strictEqual(app.db.pool.load.busy, 0)
  await release()
  t.assert.deepStrictEqual(await Promise.all(pending), [200, 200, 200])
})

/**
 * Takes the only slot of the hash queue.
 *
 * @returns a function that frees the slot and returns the most hashes that waited for it
 */
function holdSlot(app: App): () => Promise<number> {
  const { queue } = app.passwords
  const gate = new EventEmitter()
  const running = queue.run(() => once(gate, 'release'))
  let mostWaiting = 0
  const watch = setInterval(() => {
    mostWaiting = Math.max(mostWaiting, queue.load.waiting)
  }, 5)
  watch.unref()
  return async () => {
    clearInterval(watch)
    gate.emit('release')
    await running
    return mostWaiting
  }
}

function logIn(app: App, username: string, password: string) {
  return send(app, 'POST', '/login', { body: { username, password } })
}

async function untilWaiting(app: App, expected: number): Promise<void> {
  const { queue } = app.passwords
  await until(
    () => queue.load.waiting === expected,
    () => `the queue has ${JSON.stringify(queue.load)}`,
  )
}

/** A failed login counts twice: for its account and address range, and for its account alone. */
async function countFailures(app: App): Promise<number> {
  const sum = sql`COALESCE(SUM(${loginFailures.failures}), 0)`.mapWith(Number)
  const [row] = await app.db.select({ sum }).from(loginFailures)
  return row?.sum ?? 0
}
