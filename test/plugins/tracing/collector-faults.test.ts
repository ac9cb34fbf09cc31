import { performance } from 'node:perf_hooks'
import { type TestContext, test } from 'node:test'
import { createDatabase } from '../../support/database/database.ts'
import { type App, build, send } from '../../support/http/build.ts'
import { freePort } from '../../support/process/free-port.ts'
import { collectTraces } from '../../support/tracing/collector.ts'
import { until } from '../../support/until.ts'

const DATABASE_URL = await createDatabase()
/** As many spans make the processor send a batch at once. */
const BATCH = 512
/** Spans that wait at most, beside the batch that is being sent. */
const QUEUE = 4_096
/** Far longer than the limit of the close, which is 1 s, on a busy machine. */
const CLOSED_WITHIN_MS = 30_000
const LOST = 'Traces are not sent, spans are lost'

test('a collector that refuses is logged once, and once more when it accepts', async (t: TestContext) => {
  const collector = await collectTraces(t, 'refuse')
  const { app, log } = await build(t, { DATABASE_URL, ...collector.settings })
  for (let exports = 1; exports <= 3; exports++) {
    await fillBatch(app)
    await until(
      () => collector.received.length >= exports,
      () => `${collector.received.length} exports`,
    )
  }
  collector.state.answer = 'accept'
  const again = () => log.lines.find(({ msg }) => msg === 'Traces are sent again')
  await until(
    async () => {
      await fillBatch(app)
      return again() !== undefined
    },
    () => 'nothing is sent again',
  )
  const [line, ...more] = log.lines.filter(({ msg }) => msg === LOST)
  t.assert.deepStrictEqual([line?.level, more], [40, []])
  t.assert.ok(Number(again()?.spansLost) >= 3 * BATCH)
})

test('spans beyond the limit of the queue, while the collector hangs, are dropped', async (t: TestContext) => {
  const collector = await collectTraces(t, 'hang')
  const { app } = await build(t, { DATABASE_URL, ...collector.settings })
  for (let batches = 0; batches < 12; batches++) await fillBatch(app)
  await app.close() // sends what is in the queue, as far as its time limit permits
  const sent = collector.spans().length
  t.assert.ok(sent > 0 && sent <= BATCH + QUEUE, `${sent} spans`)
})

for (const [problem, arrange] of [
  ['hangs', async (t: TestContext) => (await collectTraces(t, 'hang')).settings],
  [
    'is down',
    async () => ({ OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}` }),
  ],
] as const) {
  test(`a collector that ${problem} delays no request, and the close by no more than its limit`, async (t: TestContext) => {
    const settings = { ...(await arrange(t)), OTEL_EXPORTER_OTLP_TIMEOUT: 60_000 }
    const { app } = await build(t, { DATABASE_URL, ...settings })
    for (let batches = 0; batches < 3; batches++) await fillBatch(app)
    const closing = performance.now()
    await app.close()
    t.assert.ok(performance.now() - closing < CLOSED_WITHIN_MS)
  })
}

async function fillBatch(app: App): Promise<void> {
  for (let request = 0; request < BATCH; request += 64) {
    await Promise.all(Array.from({ length: 64 }, () => send(app, 'GET', '/livez')))
  }
}
