import { type TestContext, test } from 'node:test'
import { createDatabase } from '../../support/database/database.ts'
import { createDatabaseLink } from '../../support/database/database-link.ts'
import { giveToken, makeUser, signIn } from '../../support/http/accounts.ts'
import { build, send, TEST_COST } from '../../support/http/build.ts'
import { collectTraces, KIND, type ReceivedSpan, STATUS } from '../../support/tracing/collector.ts'

const DATABASE_URL = await createDatabase()
/** So that one of two hashes waits for the other. */
const SLOW_COST = 10
const UNSAMPLED = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00'

test('one span of a batch, of requests that come at once, belongs to the first and links to the others', async (t: TestContext) => {
  const collector = await collectTraces(t)
  const { app } = await build(t, { DATABASE_URL, ...collector.settings })
  const user = await makeUser(app)
  const { headers } = await giveToken(app, user)
  const read = (traceparent?: string) =>
    send(app, 'GET', '/me', { headers: { ...headers, ...(traceparent && { traceparent }) } })
  await read(UNSAMPLED) // the pool has its connection by then
  const answers = await Promise.all([read(UNSAMPLED), read(), read(), read(), read(UNSAMPLED)])
  for (const { statusCode } of answers) t.assert.strictEqual(statusCode, 200)
  await app.close()
  const requests = collector.spans().filter(({ kind }) => kind === KIND.server)
  const [batch, ...more] = collector.spans().filter(({ name }) => name === 'lookup batch')
  t.assert.strictEqual(requests.length, 3)
  t.assert.ok(batch)
  t.assert.deepStrictEqual(more, [])
  const [first, ...others] = idsOf(requests)
  t.assert.deepStrictEqual([batch.traceId, batch.parentSpanId], first)
  t.assert.deepStrictEqual(idsOf(batch.links), others)
  t.assert.strictEqual(batch.kind, KIND.client)
  const { 'gatehouse.batch.wait_ms': waitMs, ...attributes } = batch.attributes
  t.assert.ok(Number(waitMs) > 0)
  t.assert.deepStrictEqual(attributes, {
    'db.system.name': 'mysql',
    'db.operation.name': 'SELECT',
    'gatehouse.batch.queue': 'verified',
    'gatehouse.batch.size': 5,
  })
})

test('the span of a batch whose query fails has the code of the error', async (t: TestContext) => {
  const link = await createDatabaseLink(DATABASE_URL)
  const collector = await collectTraces(t)
  const { app } = await build(t, { DATABASE_URL: link.url, ...collector.settings })
  const cookie = await signIn(app, await makeUser(app))
  link.cut()
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie })).statusCode, 503)
  await app.close()
  const [batch] = collector.spans().filter(({ name }) => name === 'lookup batch')
  t.assert.deepStrictEqual(batch?.status, { code: STATUS.error })
  t.assert.match(String(batch?.attributes['error.type']), /^[A-Z_]+$/)
})

test('a login has the span of its hash, with the cost and the wait', async (t: TestContext) => {
  const collector = await collectTraces(t)
  const { app } = await build(t, { DATABASE_URL, ...collector.settings, HASH_CONCURRENCY: 1 })
  const { username, password } = await makeUser(app, 'user', SLOW_COST)
  const login = () => send(app, 'POST', '/login', { body: { username, password } })
  for (const { statusCode } of await Promise.all([login(), login()])) {
    t.assert.strictEqual(statusCode, 200)
  }
  await app.close()
  const hashes = collector.spans().filter(({ name }) => name === 'password hash')
  const requests = collector.spans().filter(({ kind }) => kind === KIND.server)
  t.assert.deepStrictEqual(
    new Set(hashes.map(({ parentSpanId }) => parentSpanId)),
    new Set(requests.map(({ spanId }) => spanId)),
  )
  for (const { kind, attributes } of hashes) {
    t.assert.strictEqual(kind, KIND.internal)
    const { 'gatehouse.hash.wait_ms': waitMs, ...rest } = attributes
    t.assert.deepStrictEqual(rest, { 'gatehouse.hash.cost': TEST_COST })
    t.assert.ok(Number(waitMs) >= 0)
  }
  t.assert.ok(hashes.some(({ attributes }) => Number(attributes['gatehouse.hash.wait_ms']) > 1))
})

function idsOf(spans: Pick<ReceivedSpan, 'traceId' | 'spanId'>[]): [string, string][] {
  return spans.map(({ traceId, spanId }) => [traceId, spanId])
}
