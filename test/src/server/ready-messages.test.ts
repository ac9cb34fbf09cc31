import { type TestContext, test } from 'node:test'
import { loadConfig } from '../../../src/config/config.ts'
import { readyMessages } from '../../../src/server/ready-messages.ts'
import { createDatabase, createEmptyDatabase } from '../../support/database/database.ts'
import { install, startServer } from '../../support/process/installation.ts'

const DATABASE_URL = await createDatabase()
const SESSION_SECRET = 'a secret of the tests with 32 characters or more'
const LINE =
  'Each of 3 workers counts requests by itself: an address can send 100 to 300 in 20 s. Set REDIS_URL to count them together'
const STATE = { url: undefined, hasCurrentSchema: true, dataFolder: undefined }
const LIMIT = { RATE_LIMIT_MAX: '100', RATE_LIMIT_WINDOW: '20' }

test('the rate limit of several workers is logged at the start only if each counts for itself', (t: TestContext) => {
  const lines = (environment: Record<string, string>, workers: number) => {
    const config = loadConfig({ ...LIMIT, ...environment })
    return readyMessages({ ...STATE, config, workers })
  }
  t.assert.ok(lines({}, 3).includes(LINE))
  for (const [environment, workers] of [
    [{}, 1],
    [{ REDIS_URL: 'redis://127.0.0.1:6379' }, 3],
    [{ RATE_LIMIT_ENABLED: 'false' }, 3],
  ] as const) {
    t.assert.ok(!lines(environment, workers).some((line) => /by itself/.test(line)))
  }
})

test('a server with three workers logs once how many requests an address can send', async (t: TestContext) => {
  const site = await install(t)
  const settings = { DATABASE_URL, SESSION_SECRET, WORKERS: '3', ...LIMIT }
  const { said, until } = await startServer(site, settings)
  await until(new RegExp(`"level":30,.*"msg":"${LINE}"`))
  t.assert.strictEqual(said().split(LINE).length, 2)
})

for (const WORKERS of ['1', '2']) {
  test(`a server with ${WORKERS} of WORKERS, without a schema, logs that it listens and not that it is ready`, async (t: TestContext) => {
    const site = await install(t)
    const settings = { DATABASE_URL: await createEmptyDatabase(), SESSION_SECRET, WORKERS }
    const { said, until } = await startServer(site, settings)
    await until(/"msg":"Gatehouse \S+ listens, but is not ready: \/readyz returns the reason"/)
    t.assert.match(
      said(),
      /"level":40,.*schema is older than this version: run `gatehouse migrate`/,
    )
    t.assert.doesNotMatch(said(), /is ready/)
  })
}
