import { type TestContext, test } from 'node:test'
import { createDatabase } from '../../support/database/database.ts'
import { createDatabaseLink } from '../../support/database/database-link.ts'
import { giveToken, makeUser, signIn } from '../../support/http/accounts.ts'
import { build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'
import { samplesOf } from '../../support/metrics/samples.ts'
import { until } from '../../support/until.ts'

const DATABASE_URL = await createDatabase()
const HASH = 'gatehouse_password_hash'

test('lookups of requests in one iteration are one batch, with its size, wait and duration', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, METRICS_PORT: 0 })
  const cookie = await signIn(app, await makeUser(app))
  await send(app, 'GET', '/me', { cookie })
  await Promise.all(Array.from({ length: 5 }, () => send(app, 'GET', '/me', { cookie })))
  const samples = await samplesOf(app)
  const queue = { queue: 'verified' }
  t.assert.strictEqual(samples.sum('gatehouse_lookup_batch_size_sum', queue), 6)
  const batches = samples.sum('gatehouse_lookup_batch_size_count', queue)
  t.assert.ok(batches >= 2 && batches < 6, `${batches} batches`)
  for (const name of ['wait', 'duration']) {
    t.assert.strictEqual(
      samples.sum(`gatehouse_lookup_batch_${name}_seconds_count`, queue),
      batches,
    )
  }
  t.assert.strictEqual(samples.sum('gatehouse_lookups_waiting'), 0)
})

test('hashes are counted as running, waiting and refused, and are measured when they end', async (t: TestContext) => {
  const limits = { HASH_CONCURRENCY: 1, HASH_QUEUE: 1 }
  const { app } = await build(t, { DATABASE_URL, METRICS_PORT: 0, ...limits })
  const { queue } = app.passwords
  const ends: (() => void)[] = []
  const held = () => queue.run(() => new Promise<void>((resolve) => void ends.push(resolve)))
  const both = [held(), held()]
  await t.assert.rejects(held, { code: 'HASH_CAPACITY' })
  const during = await samplesOf(app)
  t.assert.strictEqual(during.sum(`${HASH}es_running`), 1)
  t.assert.strictEqual(during.sum(`${HASH}es_waiting`), 1)
  t.assert.strictEqual(during.sum(`${HASH}es_refused_total`), 1)
  t.assert.strictEqual(during.sum(`${HASH}_slots`), 1)
  t.assert.strictEqual(during.sum(`${HASH}_duration_seconds_count`), 0)
  await until(
    () => {
      ends.shift()?.()
      return queue.load.running === 0
    },
    () => 'a hash still runs',
  )
  await Promise.all(both)
  const after = await samplesOf(app)
  t.assert.strictEqual(after.sum(`${HASH}es_running`), 0)
  t.assert.strictEqual(after.sum(`${HASH}_duration_seconds_count`), 2)
  t.assert.strictEqual(after.sum(`${HASH}_wait_seconds_count`), 2)
})

test('throttled and refused logins are counted by their codes', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, METRICS_PORT: 0 })
  const { username } = await makeUser(app)
  const body = { username, password: 'not the password' }
  for (let tries = 0; tries < 12; tries++) await send(app, 'POST', '/login', { body })
  const samples = await samplesOf(app)
  const code = (name: string) => samples.sum('gatehouse_error_responses_total', { code: name })
  t.assert.strictEqual(code('INVALID_CREDENTIALS'), 10)
  t.assert.strictEqual(code('LOGIN_THROTTLED'), 2)
})

test('metrics, while the database does not respond, are returned, with the operations that wait', async (t: TestContext) => {
  const link = await createDatabaseLink(DATABASE_URL)
  t.after(() => link.cut())
  const { app } = await build(t, { DATABASE_URL: link.url, METRICS_PORT: 0 })
  const { headers } = await giveToken(app, await makeUser(app, 'admin'))
  link.muteAfter('users_username_key') // the list of accounts; its caller is found before
  let sent = 0
  let isSeen = false
  /** Again, if a busy database did not find the caller in time. */
  const list = async () => {
    do {
      sent++
      assertError(t, await send(app, 'GET', '/users', { headers }), 503, 'SERVICE_UNAVAILABLE')
    } while (!isSeen)
  }
  const pending = Promise.all(Array.from({ length: 15 }, list))
  const pool = { db_client_connection_pool_name: 'requests' }
  const read = async () => {
    const samples = await samplesOf(app)
    const used = { ...pool, db_client_connection_state: 'used' }
    return [
      samples.sum('db_client_connection_max', pool),
      samples.sum('db_client_connection_count', used),
      samples.sum('db_client_connection_pending_requests', pool),
    ]
  }
  let last: number[] = []
  try {
    await until(
      async () => {
        last = await read()
        return last.join() === '10,10,5'
      },
      () => `maximum, used and waiting are ${last}`,
    )
  } finally {
    isSeen = true
    await link.cut()
    await pending
  }
  const samples = await samplesOf(app)
  const failed = { http_route: '/users', http_response_status_code: '503' }
  t.assert.strictEqual(samples.sum('http_server_request_duration_seconds_count', failed), sent)
})
