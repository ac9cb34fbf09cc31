import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { createDatabase } from '../../support/database/database.ts'
import { makeUser, signIn } from '../../support/http/accounts.ts'
import { build, send } from '../../support/http/build.ts'
import { collectTraces, KIND, STATUS } from '../../support/tracing/collector.ts'

const DATABASE_URL = await createDatabase()
const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'
const PARENT_ID = 'b7ad6b7169203331'

test('each request has one span, by its method and the pattern of its route, with its status', async (t: TestContext) => {
  const collector = await collectTraces(t)
  const { app } = await build(t, { DATABASE_URL, ...collector.settings })
  const user = await makeUser(app)
  const cookie = await signIn(app, user)
  const headers = { 'x-request-id': 'this-one' }
  await send(app, 'GET', `/user/${user.id}?a=b`, { cookie, headers })
  await send(app, 'GET', '/me?a=b', { headers })
  await send(app, 'GET', '/nothing?a=b', { headers })
  await send(app, 'DELETE', '/me', { headers })
  await send(app, 'OPTIONS', '/me', { headers })
  await app.close()
  const spans = collector.spans().filter(({ kind }) => kind === KIND.server)
  const common = {
    'gatehouse.request_id': 'this-one',
    'url.scheme': 'http',
    'network.protocol.version': '1.1',
  }
  const unauthenticated = { 'url.path': '/me', 'gatehouse.error_code': 'UNAUTHENTICATED' }
  const notAllowed = { 'url.path': '/me', 'gatehouse.error_code': 'METHOD_NOT_ALLOWED' }
  t.assert.deepStrictEqual(
    spans.map(({ name, attributes }) => ({ name, ...attributes })),
    [
      { ...ofRequest('GET', 200, '/user/:id'), ...common },
      { ...ofRequest('GET', 401, '/me'), ...common, ...unauthenticated },
      {
        ...ofRequest('GET', 404),
        ...common,
        ...{ 'url.path': '/nothing', 'gatehouse.error_code': 'ROUTE_NOT_FOUND' },
      },
      { ...ofRequest('DELETE', 405), ...common, ...notAllowed },
      { ...ofRequest('OPTIONS', 405), ...common, ...notAllowed },
    ],
  )
  for (const { status, events, parentSpanId, startTimeUnixNano, endTimeUnixNano } of spans) {
    t.assert.deepStrictEqual([status, events], [{ code: STATUS.unset }, []])
    t.assert.strictEqual(parentSpanId, undefined)
    t.assert.ok(BigInt(endTimeUnixNano) >= BigInt(startTimeUnixNano))
  }
  t.assert.strictEqual(new Set(spans.map(({ traceId }) => traceId)).size, spans.length)
})

test('the span of a server error has the status of an error, without the message', async (t: TestContext) => {
  const collector = await collectTraces(t)
  const { app, log } = await build(t, { DATABASE_URL, ...collector.settings, failing: true })
  await app.db.execute('RENAME TABLE events TO hidden_events')
  const user = await makeUser(app)
  const body = { username: user.username, password: user.password }
  const { statusCode } = await send(app, 'POST', '/login', { body })
  await app.db.execute('RENAME TABLE hidden_events TO events')
  await app.close()
  const [span] = collector.spans().filter(({ kind }) => kind === KIND.server)
  t.assert.strictEqual(statusCode, 503)
  t.assert.deepStrictEqual(span?.status, { code: STATUS.error })
  t.assert.strictEqual(span?.attributes['error.type'], 'SERVICE_UNAVAILABLE')
  const [line] = log.lines.filter(({ msg }) => msg === 'request not served')
  t.assert.deepStrictEqual([line?.traceId, line?.spanId], [span?.traceId, span?.spanId])
})

test('an incoming traceparent is continued, and its ids stand in the log', async (t: TestContext) => {
  const collector = await collectTraces(t)
  const { app, log } = await build(t, { DATABASE_URL, ...collector.settings })
  const traceparent = `00-${TRACE_ID}-${PARENT_ID}-01`
  await send(app, 'GET', '/livez', { headers: { traceparent, tracestate: 'other=1' } })
  await app.close()
  const [span] = collector.spans()
  t.assert.strictEqual(span?.traceId, TRACE_ID)
  t.assert.strictEqual(span?.parentSpanId, PARENT_ID)
  const [line] = log.lines.filter(({ msg }) => msg === 'request')
  t.assert.deepStrictEqual([line?.traceId, line?.spanId], [TRACE_ID, span?.spanId])
})

test('a request of a trace that is not sampled has no span, and the trace id in its log line', async (t: TestContext) => {
  const collector = await collectTraces(t)
  const { app, log } = await build(t, { DATABASE_URL, ...collector.settings })
  const cookie = await signIn(app, await makeUser(app))
  const headers = { traceparent: `00-${TRACE_ID}-${PARENT_ID}-00` }
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie, headers })).statusCode, 200)
  await app.close()
  t.assert.deepStrictEqual(collector.received, [])
  const [line] = log.lines.filter(({ msg }) => msg === 'request')
  t.assert.strictEqual(line?.traceId, TRACE_ID)
})

test('a malformed traceparent is ignored', async (t: TestContext) => {
  const collector = await collectTraces(t)
  const { app } = await build(t, { DATABASE_URL, ...collector.settings })
  const malformed = [
    'x',
    `00-${TRACE_ID}-${PARENT_ID}`,
    `00-${TRACE_ID.toUpperCase()}-${PARENT_ID}-01`,
    `00-${'0'.repeat(32)}-${PARENT_ID}-01`,
    `00-${TRACE_ID}-${'0'.repeat(16)}-01`,
    `ff-${TRACE_ID}-${PARENT_ID}-01`,
    `00-${TRACE_ID}-${PARENT_ID}-01-more`,
  ]
  for (const traceparent of malformed) {
    const { statusCode } = await send(app, 'GET', '/livez', { headers: { traceparent } })
    t.assert.strictEqual(statusCode, 200)
  }
  await app.close()
  const spans = collector.spans()
  t.assert.strictEqual(spans.length, malformed.length)
  for (const { traceId, parentSpanId } of spans) {
    t.assert.notStrictEqual(traceId.toLowerCase(), TRACE_ID)
    t.assert.strictEqual(parentSpanId, undefined)
  }
})

test('the samplers trace all, none, or a share of the requests', async (t: TestContext) => {
  const counts: Record<string, number> = {}
  for (const [sampler, ratio] of [
    ['always_off', 1],
    ['traceidratio', 0],
    ['traceidratio', 1],
    ['parentbased_traceidratio', 0],
    ['parentbased_always_off', 1],
    ['always_on', 0],
  ] as const) {
    const collector = await collectTraces(t)
    const { app } = await build(t, {
      ...{ DATABASE_URL, ...collector.settings },
      ...{ OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: ratio },
    })
    await send(app, 'GET', '/livez')
    const headers = { traceparent: `00-${TRACE_ID}-${PARENT_ID}-01` }
    await send(app, 'GET', '/livez', { headers })
    await app.close()
    counts[`${sampler} ${ratio}`] = collector.spans().length
  }
  t.assert.deepStrictEqual(counts, {
    'always_off 1': 0,
    'traceidratio 0': 0,
    'traceidratio 1': 2,
    'parentbased_traceidratio 0': 1,
    'parentbased_always_off 1': 1,
    'always_on 0': 2,
  })
})

test('without an endpoint, or with OTEL_SDK_DISABLED, an app has no traces, no observers and no trace ids', async (t: TestContext) => {
  const collector = await collectTraces(t)
  for (const settings of [{}, { ...collector.settings, OTEL_SDK_DISABLED: true }]) {
    const { app, log } = await build(t, { DATABASE_URL, ...settings })
    await send(app, 'GET', '/livez', { headers: { 'x-request-id': randomUUID() } })
    t.assert.ok(!app.hasDecorator('tracing'))
    t.assert.deepStrictEqual(app.passwords.queue.observers, [])
    t.assert.deepStrictEqual(app.lookups.queues.verified.observers, [])
    await app.close()
    t.assert.ok(!log.text.includes('traceId'))
  }
  t.assert.deepStrictEqual(collector.received, [])
})

function ofRequest(method: string, status: number, route?: string) {
  return {
    name: route === undefined ? method : `${method} ${route}`,
    'http.request.method': method,
    'http.response.status_code': status,
    ...(route !== undefined && { 'http.route': route }),
  }
}
