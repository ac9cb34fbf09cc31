import { type TestContext, test } from 'node:test'
import { createDatabase } from '../../support/database/database.ts'
import { makeUser, signIn } from '../../support/http/accounts.ts'
import { build, send } from '../../support/http/build.ts'
import { samplesOf } from '../../support/metrics/samples.ts'

const DATABASE_URL = await createDatabase()
const COUNT = 'http_server_request_duration_seconds_count'
const ORIGIN = 'https://app.example'

test('requests are counted by method, pattern of the route and status, with their durations', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, METRICS_PORT: 0, ALLOWED_ORIGINS: ORIGIN })
  const { id } = await makeUser(app)
  const cookie = await signIn(app, { ...(await makeUser(app)), id })
  for (let reads = 0; reads < 3; reads++) await send(app, 'GET', `/user/${id}`, { cookie })
  await send(app, 'GET', '/user/9007199254740991', { cookie })
  await send(app, 'HEAD', '/me', { cookie })
  await send(app, 'GET', '/me')
  const preflight = { origin: ORIGIN, 'access-control-request-method': 'PUT' }
  await send(app, 'OPTIONS', '/me', { headers: preflight })

  const samples = await samplesOf(app)
  const counts = samples.find(COUNT).map(({ labels, value }) => [...Object.values(labels), value])
  t.assert.deepStrictEqual(counts.sort(), [
    ['GET', '/me', '401', 1],
    ['GET', '/user/:id', '200', 3],
    ['GET', '/user/:id', '404', 1],
    ['HEAD', '/me', '200', 1],
    ['OPTIONS', '*', '204', 1],
  ])
  const read = { http_route: '/user/:id', http_response_status_code: '200' }
  const bucket = 'http_server_request_duration_seconds_bucket'
  t.assert.strictEqual(samples.sum(bucket, { ...read, le: '+Inf' }), 3)
  const counted = samples.find(bucket, read).map(({ value }) => value)
  t.assert.deepStrictEqual(
    counted,
    counted.toSorted((a, b) => a - b),
    'buckets are cumulative',
  )
  const seconds = samples.sum('http_server_request_duration_seconds_sum', read)
  t.assert.ok(seconds > 0.000_05 && seconds < 30, `${seconds} s`)
  const code = (name: string) => samples.sum('gatehouse_error_responses_total', { code: name })
  t.assert.deepStrictEqual(['USER_NOT_FOUND', 'UNAUTHENTICATED', 'OVERLOADED'].map(code), [1, 1, 0])
})

test('requests to unknown paths and with unknown methods share one label, however many they are', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, METRICS_PORT: 0 })
  for (let index = 0; index < 20; index++) await send(app, 'GET', `/no/such/${index}?n=${index}`)
  await send(app, 'DELETE', '/login')
  const samples = await samplesOf(app)
  const labels = samples
    .find(COUNT)
    .map((sample) => [...Object.values(sample.labels), sample.value])
  t.assert.deepStrictEqual(labels, [
    ['GET', 'unknown', '404', 20],
    ['DELETE', 'unknown', '405', 1],
  ])
})

test('an app without METRICS_PORT has no metrics and no observers', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  t.assert.strictEqual(app.hasDecorator('metrics'), false)
  t.assert.deepStrictEqual(app.passwords.queue.observers, [])
  t.assert.deepStrictEqual(app.lookups.queues.verified.observers, [])
  t.assert.deepStrictEqual(app.db.observer, {})
})

test('the metrics describe the process, its version and its event loop', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, METRICS_PORT: 0 })
  const samples = await samplesOf(app)
  t.assert.match(samples.find('gatehouse_build_info')[0]?.labels.version ?? '', /^\d+\.\d+\.\d+/)
  for (const name of [
    'nodejs_eventloop_lag_p99_seconds',
    'process_cpu_seconds_total',
    'process_resident_memory_bytes',
    'nodejs_heap_size_used_bytes',
  ]) {
    t.assert.strictEqual(samples.find(name).length, 1, name)
  }
})
