import { type TestContext, test } from 'node:test'
import { eq } from 'drizzle-orm'
import { sessions } from '../../db/schema.ts'
import { createDatabase } from '../support/database/database.ts'
import { makeUser } from '../support/http/accounts.ts'
import { type App, type BuildOptions, build, send } from '../support/http/build.ts'

const DATABASE_URL = await createDatabase()
const PEER = '127.0.0.1' // of every injected request
const FORGED = {
  'x-forwarded-for': '192.0.2.7',
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'evil.example',
  forwarded: 'for=192.0.2.7;proto=https;host=evil.example',
  'x-real-ip': '192.0.2.7',
}

test('forged X-Forwarded- headers from an untrusted peer are ignored', async (t: TestContext) => {
  for (const trusted of [{}, { TRUST_PROXY: '10.0.0.0/8,::1' }]) {
    const plain = await logInThrough(t, trusted, {})
    const forged = await logInThrough(t, trusted, FORGED)
    t.assert.deepStrictEqual(forged, plain)
    t.assert.deepStrictEqual(forged.addresses, { stored: PEER, logged: PEER })
    t.assert.ok(!forged.text.includes('evil.example'))
  }
})

test('the client address behind trusted proxies is the last untrusted address', async (t: TestContext) => {
  const trusted = { TRUST_PROXY: '127.0.0.0/8, 10.0.0.1' }
  for (const [sent, address] of [
    ['192.0.2.7', '192.0.2.7'],
    ['198.51.100.1, 192.0.2.7', '192.0.2.7'],
    ['198.51.100.1, 192.0.2.7, 10.0.0.1', '192.0.2.7'],
    ['2001:db8:1111:2222:3333:4444:5555:6666', '2001:db8:1111:2222:3333:4444:5555:6666'],
    ['10.0.0.1', '10.0.0.1'],
    [`fe80::1%${'z'.repeat(60)}`, 'fe80::1'],
  ] as const) {
    const { addresses } = await logInThrough(t, trusted, { 'x-forwarded-for': sent })
    t.assert.deepStrictEqual(addresses, { stored: address, logged: address })
  }
})

test('invalid X-Forwarded-For values from a trusted proxy are neither stored nor logged', async (t: TestContext) => {
  for (const sent of [
    'unknown',
    'x'.repeat(300),
    '192.0.2.7:443',
    "'; DROP TABLE users; --",
    '999.0.0.1',
    'é',
  ]) {
    const { addresses, text } = await logInThrough(
      t,
      { TRUST_PROXY: PEER },
      { 'x-forwarded-for': sent },
    )
    t.assert.deepStrictEqual(addresses, { stored: PEER, logged: PEER }, sent)
    t.assert.ok(sent.startsWith('192.') || !text.includes(sent), sent)
  }
})

test('X-Forwarded-Host and X-Forwarded-Proto from a trusted proxy do not change a response', async (t: TestContext) => {
  const { 'x-forwarded-for': _, ...others } = FORGED
  const trusted = { TRUST_PROXY: PEER }
  t.assert.deepStrictEqual(
    await logInThrough(t, trusted, others),
    await logInThrough(t, trusted, {}),
  )
})

/** @returns the address of a login's session and log line, and what else a header might change */
async function logInThrough(
  t: TestContext,
  options: Omit<BuildOptions, 'DATABASE_URL'>,
  headers: Record<string, string>,
) {
  const { app, log } = await build(t, { DATABASE_URL, ...options })
  const { id, username, password } = await makeUser(app)
  const response = await send(app, 'POST', '/login', {
    body: { username, password },
    headers: { 'x-request-id': 'same', ...headers },
  })
  t.assert.strictEqual(response.statusCode, 200, response.body)
  const { date: _, 'set-cookie': cookie, ...answered } = response.headers
  const line = log.lines.find(({ msg }) => msg === 'request')
  return {
    answered: { ...answered, 'content-length': 0, cookie: String(cookie).replace(/=[^;]+/, '=') },
    addresses: { stored: await storedAddress(app, id), logged: line?.address },
    text: log.text
      .replace(/^.*"A request has X-Forwarded-For, .*\n/gm, '') // see forwarded-for.test.ts
      .replace(/"(time|durationMs|userId|pid)":[\d.]+/g, ''),
  }
}

async function storedAddress(app: App, userId: number) {
  const [row] = await app.db.select().from(sessions).where(eq(sessions.userId, userId))
  return row?.address
}
