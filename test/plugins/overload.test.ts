import { type TestContext, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createDatabase } from '../support/database/database.ts'
import { type App, build, send } from '../support/http/build.ts'
import { assertError } from '../support/http/error-answer.ts'
import { until } from '../support/until.ts'

const DATABASE_URL = await createDatabase()
const MAX_EVENT_LOOP_DELAY_MS = 50

test('requests, while the event loop is late, get a 503 at once, except health checks, until it is in time again', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, MAX_EVENT_LOOP_DELAY_MS })
  t.assert.strictEqual(await statusOf(app), 401)
  for (let pauses = 0; pauses < 3; pauses++) await delayLoop()
  for (const url of ['/me', '/unknown', '/']) {
    const refused = await send(app, 'GET', url)
    assertError(t, refused, 503, 'OVERLOADED')
    t.assert.strictEqual(refused.headers['retry-after'], '1')
  }
  for (const url of ['/livez', '/readyz']) {
    t.assert.strictEqual((await send(app, 'GET', url)).statusCode, 200)
  }
  await until(
    async () => (await statusOf(app)) === 401,
    () => 'requests are still refused',
  )
})

test('a page of an allowed origin, while the event loop is late, can read the 503', async (t: TestContext) => {
  const origin = 'https://app.example'
  const { app } = await build(t, {
    DATABASE_URL,
    MAX_EVENT_LOOP_DELAY_MS,
    ALLOWED_ORIGINS: origin,
  })
  for (let pauses = 0; pauses < 3; pauses++) await delayLoop()
  const refused = await send(app, 'GET', '/me', { headers: { origin } })
  assertError(t, refused, 503, 'OVERLOADED')
  t.assert.strictEqual(refused.headers['access-control-allow-origin'], origin)
})

test('a single pause of the event loop refuses no requests', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, MAX_EVENT_LOOP_DELAY_MS: 1_000 })
  await delayLoop(1_500)
  t.assert.strictEqual(await statusOf(app), 401)
})

async function statusOf(app: App): Promise<number> {
  return (await send(app, 'GET', '/me')).statusCode
}

/** Keeps timers from running, then lets them run once. */
async function delayLoop(ms = 400): Promise<void> {
  const end = performance.now() + ms
  while (performance.now() < end);
  await nextTurn()
  await nextTurn()
}
