import { type TestContext, test } from 'node:test'
import { createDatabase } from '../../support/database/database.ts'
import { giveOldToken, giveToken, makeUser, signIn } from '../../support/http/accounts.ts'
import { type App, build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'
import { ANONYMOUS, assertIdentity } from '../../support/http/identity.ts'
import { redisBinary, startRedis } from '../../support/process/redis.ts'
import { until } from '../../support/until.ts'

const DATABASE_URL = await createDatabase()
const MAX = 3
const options = {
  DATABASE_URL,
  RATE_LIMIT_ENABLED: true,
  RATE_LIMIT_MAX: MAX,
  TRUST_PROXY: '127.0.0.1',
}

interface Given {
  address: string
  cookie?: string
  url?: string
}

function verify(app: App, { address, cookie, url = '/verify' }: Given) {
  const headers = { 'x-forwarded-for': address }
  return send(app, 'GET', url, { headers, ...(cookie && { cookie }) })
}

async function statusesOf(app: App, requests: number, given: Given): Promise<number[]> {
  const statuses: number[] = []
  for (let sent = 0; sent < requests; sent++) {
    statuses.push((await verify(app, given)).statusCode)
  }
  return statuses
}

/** @returns the cookie of a session that has ended */
async function endedSession(app: App): Promise<string> {
  const cookie = await signIn(app, await makeUser(app))
  await send(app, 'POST', '/logout', { cookie, headers: { 'x-forwarded-for': '198.51.100.9' } })
  return cookie
}

test('valid credentials and requests without one are not limited', async (t: TestContext) => {
  const { app } = await build(t, options)
  const cookie = await signIn(app, await makeUser(app))
  const address = '192.0.2.1'
  t.assert.deepStrictEqual(await statusesOf(app, 9, { address, cookie }), Array(9).fill(200))
  t.assert.deepStrictEqual(await statusesOf(app, 9, { address }), Array(9).fill(401))
  const forged = cookie.replace(/[^.]*$/, 'A'.repeat(43)) // no query finds it
  t.assert.deepStrictEqual(
    await statusesOf(app, 9, { address, cookie: forged }),
    Array(9).fill(401),
  )
})

test('an address that sends more ended credentials than its limit gets a 503, never a 429, and others do not', async (t: TestContext) => {
  const { app } = await build(t, options)
  const [good, ended] = [await signIn(app, await makeUser(app)), await endedSession(app)]
  const address = '192.0.2.1'
  const statuses = await statusesOf(app, MAX + 3, { address, cookie: ended })
  t.assert.deepStrictEqual(statuses, [401, 401, 401, 401, 503, 503])
  const blocked = await verify(app, { address, cookie: good })
  assertError(t, blocked, 503, 'VERIFY_LIMITED')
  t.assert.ok(Number(blocked.headers['retry-after']) > 1)
  const open = await verify(app, { address, cookie: good, url: '/verify?anonymous=allow' })
  assertIdentity(t, open, ANONYMOUS)
  t.assert.deepStrictEqual(await statusesOf(app, 1, { address: '192.0.2.2', cookie: good }), [200])
})

test('ended tokens count as ended sessions do', async (t: TestContext) => {
  const { app } = await build(t, options)
  for (const [index, give] of [giveToken, giveOldToken].entries()) {
    const account = await makeUser(app)
    const { headers } = await give(app, account)
    const from = { ...headers, 'x-forwarded-for': `192.0.2.${index}` }
    await send(app, 'POST', '/logout', { headers: { ...from, 'x-forwarded-for': '198.51.100.9' } })
    const statuses: number[] = []
    for (let sent = 0; sent < MAX + 2; sent++) {
      statuses.push((await send(app, 'GET', '/verify', { headers: from })).statusCode)
    }
    t.assert.deepStrictEqual(statuses, [401, 401, 401, 401, 503])
  }
})

test('requests of other operations and failed verifications count together, and neither gets a 429 from /verify', async (t: TestContext) => {
  const { app } = await build(t, options)
  const ended = await endedSession(app)
  const address = '192.0.2.1'
  const headers = { 'x-forwarded-for': address }
  for (let sent = 0; sent < MAX + 1; sent++) await send(app, 'GET', '/', { headers })
  t.assert.strictEqual((await send(app, 'GET', '/', { headers })).statusCode, 429)
  t.assert.deepStrictEqual(await statusesOf(app, 2, { address }), [401, 401])
  t.assert.deepStrictEqual(await statusesOf(app, 2, { address, cookie: ended }), [401, 503])
  // Another form of the path is not found among those without a limit.
  const form = await verify(app, { address, url: 'http://localhost/verify' })
  t.assert.strictEqual(form.statusCode, 503)
})

test('all addresses of an IPv6 network are blocked together', async (t: TestContext) => {
  const { app } = await build(t, options)
  const cookie = await endedSession(app)
  const statuses: number[] = []
  for (let host = 1; host <= MAX + 2; host++) {
    statuses.push((await verify(app, { address: `2001:db8::${host}`, cookie })).statusCode)
  }
  t.assert.deepStrictEqual(statuses, [401, 401, 401, 401, 503])
  t.assert.deepStrictEqual(await statusesOf(app, 1, { address: '2001:db8:0:1::1', cookie }), [401])
})

test('an address on the allow-list is not limited', async (t: TestContext) => {
  const { app } = await build(t, { ...options, RATE_LIMIT_ALLOW: '192.0.2.0/24' })
  const cookie = await endedSession(app)
  const statuses = await statusesOf(app, 9, { address: '192.0.2.1', cookie })
  t.assert.deepStrictEqual(statuses, Array(9).fill(401))
})

test('without TRUST_PROXY, a client cannot choose its address, and the proxy counts as one address', async (t: TestContext) => {
  const { TRUST_PROXY: _, ...untrusting } = options
  const { app } = await build(t, untrusting)
  const cookie = await signIn(app, await makeUser(app))
  await send(app, 'POST', '/logout', { cookie })
  const statuses: number[] = []
  for (let host = 1; host <= MAX + 1; host++) {
    statuses.push((await verify(app, { address: `192.0.2.${host}`, cookie })).statusCode)
  }
  t.assert.deepStrictEqual(statuses, [401, 401, 401, 503]) // the logout counts too
})

const skip = redisBinary ? false : 'no redis-server on this machine'

test('with Redis, the failures at two instances count together', {
  skip,
}, async (t: TestContext) => {
  const redis = await startRedis()
  t.after(redis.stop)
  const [one, two] = [
    await build(t, { ...options, REDIS_URL: redis.url }),
    await build(t, { ...options, REDIS_URL: redis.url }),
  ]
  const cookie = await endedSession(one.app)
  const given = { address: '192.0.2.1', cookie }
  t.assert.deepStrictEqual(await statusesOf(one.app, MAX, given), [401, 401, 401])
  // The failure is counted after the response.
  await until(
    async () => (await verify(two.app, given)).statusCode === 503,
    () => 'the other instance does not count',
  )
  assertError(t, await verify(two.app, given), 503, 'VERIFY_LIMITED')
})

test('verifications pass while Redis is unavailable', async (t: TestContext) => {
  const { app } = await build(t, { ...options, REDIS_URL: 'redis://127.0.0.1:1' })
  const [good, ended] = [await signIn(app, await makeUser(app)), await endedSession(app)]
  const address = '192.0.2.1'
  t.assert.deepStrictEqual(await statusesOf(app, 6, { address, cookie: ended }), Array(6).fill(401))
  t.assert.deepStrictEqual(await statusesOf(app, 1, { address, cookie: good }), [200])
})
