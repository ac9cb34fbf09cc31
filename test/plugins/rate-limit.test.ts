import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createDatabase } from '../support/database/database.ts'
import { type App, build, send } from '../support/http/build.ts'
import { redisBinary, startRedis } from '../support/process/redis.ts'

const DATABASE_URL = await createDatabase()
const options = {
  DATABASE_URL,
  RATE_LIMIT_ENABLED: true,
  RATE_LIMIT_MAX: 3,
  TRUST_PROXY: '127.0.0.1',
}

async function statusesOf(
  app: App,
  requests: number,
  address: string,
  url = '/',
): Promise<number[]> {
  const statuses: number[] = []
  for (let sent = 0; sent < requests; sent++) {
    const headers = { 'x-forwarded-for': address }
    statuses.push((await send(app, 'GET', url, { headers })).statusCode)
  }
  return statuses
}

test('requests above the limit of an address get a 429 with retry-after, and those of other addresses pass', async (t: TestContext) => {
  const { app } = await build(t, options)
  t.assert.deepStrictEqual(await statusesOf(app, 4, '192.0.2.1'), [200, 200, 200, 429])
  t.assert.deepStrictEqual(await statusesOf(app, 1, '192.0.2.2'), [200])
  const headers = { 'x-forwarded-for': '192.0.2.1' }
  const refused = await send(app, 'GET', '/me', { headers })
  t.assert.strictEqual(refused.json().code, 'TOO_MANY_REQUESTS')
  t.assert.ok(Number(refused.headers['retry-after']) > 0)
  t.assert.strictEqual(refused.headers['ratelimit-limit'], '3')
  t.assert.strictEqual(refused.headers['ratelimit-remaining'], '0')
})

test('requests from all addresses of an IPv6 network share one limit', async (t: TestContext) => {
  const { app } = await build(t, options)
  t.assert.deepStrictEqual(await statusesOf(app, 2, '2001:db8::1'), [200, 200])
  t.assert.deepStrictEqual(await statusesOf(app, 2, '2001:db8::2:1'), [200, 429])
  t.assert.deepStrictEqual(await statusesOf(app, 1, '2001:db8:0:1::1'), [200])
})

test('requests to the probes pass above the limit and do not count towards it', async (t: TestContext) => {
  const { app } = await build(t, options)
  for (const url of ['/livez', '/readyz', '/livez?probe=1', '/readyz?probe=1']) {
    t.assert.deepStrictEqual(await statusesOf(app, 5, '192.0.2.1', url), Array(5).fill(200))
  }
  t.assert.deepStrictEqual(await statusesOf(app, 4, '192.0.2.1'), [200, 200, 200, 429])
  t.assert.deepStrictEqual(await statusesOf(app, 1, '192.0.2.1', '/livez'), [200])
  for (const url of ['/nothing', '/openapi.json', '/readyz/', '/me']) {
    t.assert.deepStrictEqual(await statusesOf(app, 1, '192.0.2.1', url), [429])
  }
})

test('addresses on the allow-list are not limited', async (t: TestContext) => {
  const { app } = await build(t, { ...options, RATE_LIMIT_ALLOW: '192.0.2.0/25,2001:db8::/32' })
  t.assert.deepStrictEqual(await statusesOf(app, 5, '192.0.2.1'), Array(5).fill(200))
  t.assert.deepStrictEqual(await statusesOf(app, 5, '2001:db8::7'), Array(5).fill(200))
  t.assert.deepStrictEqual(await statusesOf(app, 4, '192.0.2.200'), [200, 200, 200, 429])
})

const skip = redisBinary ? false : 'no redis-server on this machine'

test('with Redis, two instances count together', { skip }, async (t: TestContext) => {
  const redis = await startRedis()
  t.after(redis.stop)
  const [one, two] = [
    await build(t, { ...options, REDIS_URL: redis.url }),
    await build(t, { ...options, REDIS_URL: redis.url }),
  ]
  t.assert.deepStrictEqual(await statusesOf(one.app, 2, '192.0.2.1'), [200, 200])
  t.assert.deepStrictEqual(await statusesOf(two.app, 2, '192.0.2.1'), [200, 429])
})

test('requests pass when Redis is lost, and the log reports it', {
  skip,
}, async (t: TestContext) => {
  const redis = await startRedis()
  t.after(redis.stop)
  const { app, log } = await build(t, { ...options, REDIS_URL: redis.url })
  t.assert.deepStrictEqual(await statusesOf(app, 1, '192.0.2.1'), [200])
  await redis.stop()
  for (let polls = 0; polls < 100 && !log.text.includes('Redis'); polls++) await sleep(20)
  t.assert.deepStrictEqual(await statusesOf(app, 5, '192.0.2.1'), Array(5).fill(200))
  t.assert.match(log.text, /Redis is unavailable/)
})

test('requests pass while Redis does not respond, and are counted again when it does', {
  skip,
}, async (t: TestContext) => {
  const redis = await startRedis()
  t.after(redis.stop)
  const { app, log } = await build(t, { ...options, REDIS_URL: redis.url })
  redis.suspend()
  const begun = performance.now()
  t.assert.deepStrictEqual(await statusesOf(app, 20, '192.0.2.1'), Array(20).fill(200))
  t.assert.ok(performance.now() - begun < 3_000, 'not each request waits for it')
  t.assert.match(log.text, /Redis is unavailable/)
  redis.resume()
  for (let polls = 0; polls < 200 && !log.text.includes('back'); polls++) await sleep(20)
  t.assert.deepStrictEqual(await statusesOf(app, 4, '192.0.2.2'), [200, 200, 200, 429])
})

test('the server starts while Redis does not respond', {
  skip,
}, async (t: TestContext) => {
  const redis = await startRedis()
  t.after(redis.stop)
  redis.suspend()
  const begun = performance.now()
  const { app, log } = await build(t, { ...options, REDIS_URL: redis.url })
  t.assert.deepStrictEqual(await statusesOf(app, 5, '192.0.2.1'), Array(5).fill(200))
  t.assert.ok(performance.now() - begun < 3_000)
  t.assert.match(log.text, /Redis is unavailable/)
})

test('the server starts while Redis is unavailable', async (t: TestContext) => {
  const { app, log } = await build(t, { ...options, REDIS_URL: 'redis://127.0.0.1:1' })
  t.assert.deepStrictEqual(await statusesOf(app, 5, '192.0.2.1'), Array(5).fill(200))
  t.assert.match(log.text, /Redis is unavailable/)
})
