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

for (const [problem, arrange] of [
  ['hangs', async (t: TestContext) => (await collectTraces(t, 'hang')).settings],
  [
    'is down',
    async () => ({ OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}` }),
  ],
] as const) {
  test(`a collector that ${problem} delays no request, and the close by no more than its limit`, async (t: TestContext) => {
    const { app } = await build(t, { DATABASE_URL, ...(await arrange(t)) })
    for (let batches = 0; batches < 12; batches++) await fillBatch(app)
    const closing = performance.now()
    await app.close()
    // The limit for the rest of the spans is 1 s, and that of an export 10 s.
    t.assert.ok(performance.now() - closing < 8_000)
  })
}

async function fillBatch(app: App): Promise<void> {
  for (let request = 0; request < BATCH; request += 64) {
    await Promise.all(Array.from({ length: 64 }, () => send(app, 'GET', '/livez')))
  }
}
