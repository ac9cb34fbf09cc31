import { type TestContext, test } from 'node:test'
import { createDatabase } from '../../../support/database/database.ts'
import { query } from '../../../support/database/query.ts'
import { build } from '../../../support/http/build.ts'
import { freePort } from '../../../support/process/free-port.ts'
import { install } from '../../../support/process/installation.ts'
import {
  GOOD_PROXY,
  needsProxy,
  PROXY_ADDRESS,
  startProxied,
  startProxy,
} from '../../../support/process/proxied-gatehouse.ts'

const TRUSTING = { COOKIE_SECURE: true, TRUST_PROXY: PROXY_ADDRESS }
const SUBJECTS = ['cookie', 'allowed origins', 'public url', 'hsts', 'own origin', 'client address']

interface Check {
  status: string
  subject: string
  text: string
  todo?: string
}

/** Runs doctor with the settings of the server. @returns what it says of the URL */
async function doctor(
  t: TestContext,
  url: string,
  settings: { DATABASE_URL: string; COOKIE_SECURE?: boolean; TRUST_PROXY?: string },
  certificate?: string,
) {
  const site = await install(t)
  const { code, stdout, stderr } = await site.run(
    'src/cli.ts',
    ['doctor', '--json', '--url', url],
    {
      DATABASE_URL: settings.DATABASE_URL,
      COOKIE_SECURE: String(settings.COOKIE_SECURE ?? false),
      TRUST_PROXY: settings.TRUST_PROXY ?? '',
      BCRYPT_COST: '12',
      ...(certificate !== undefined && { NODE_EXTRA_CA_CERTS: certificate }),
    },
  )
  t.assert.strictEqual(stderr, '')
  const all: Check[] = JSON.parse(stdout)
  const checks = all.filter(({ subject }) => SUBJECTS.includes(subject))
  return {
    code,
    find: (name: string) => checks.find(({ subject }) => subject === name),
    bad: checks
      .filter(({ status }) => status !== 'ok')
      .map(({ status, subject }) => `${status} ${subject}`),
    seen: checks.map(({ subject }) => subject),
  }
}

/** Starts the server behind nginx with these lines, and runs doctor on it. */
async function behind(t: TestContext, lines: string, options: object = TRUSTING, path = '') {
  const settings = { DATABASE_URL: await createDatabase(), ...options }
  const { url, certificate } = await startProxied(t, settings, lines)
  return doctor(t, `${url}${path}`, settings, certificate)
}

test(
  'doctor --url, behind a good proxy, finds nothing wrong, under a path as well',
  needsProxy,
  async (t: TestContext) => {
    for (const path of ['', '/auth/']) {
      const { code, bad, seen, find } = await behind(t, GOOD_PROXY, TRUSTING, path)
      t.assert.deepStrictEqual([bad, seen], [[], SUBJECTS])
      t.assert.strictEqual(code, 0)
      t.assert.strictEqual(find('client address')?.text, 'is 127.0.0.1, that of this machine')
    }
  },
)

test(
  'doctor --url makes one failed login, and finds its address even if it shares a row with another',
  needsProxy,
  async (t: TestContext) => {
    const settings = { DATABASE_URL: await createDatabase(), ...TRUSTING }
    const { url, certificate } = await startProxied(t, settings, GOOD_PROXY)
    for (const failures of [1, 2]) {
      const { bad } = await doctor(t, url, settings, certificate)
      t.assert.deepStrictEqual(bad, [])
      const [row] = await query(
        settings.DATABASE_URL,
        "SELECT SUM(count) AS failures, MIN(address) AS address FROM events WHERE type = 'login'",
      )
      t.assert.deepStrictEqual(
        { failures: Number(row?.failures), address: row?.address },
        { failures, address: '127.0.0.1' },
      )
    }
  },
)

test('doctor --url fails if clients choose their address', needsProxy, async (t: TestContext) => {
  const passing = GOOD_PROXY.replace(/proxy_set_header X-Forwarded-For .*\n/, '')
  const { code, bad, find } = await behind(t, passing)
  t.assert.deepStrictEqual([code, bad], [1, ['fail client address']])
  t.assert.match(find('client address')?.todo ?? '', /^Let the proxy replace X-Forwarded-For/)
})

test(
  'doctor --url reports a proxy that is not trusted, or that sends its own address',
  needsProxy,
  async (t: TestContext) => {
    const none = await behind(t, GOOD_PROXY, { COOKIE_SECURE: true })
    t.assert.deepStrictEqual(none.bad, ['fail own origin', 'warn client address'])
    t.assert.match(none.find('own origin')?.text ?? '', /it does not know its own scheme$/)
    t.assert.strictEqual(
      none.find('client address')?.todo,
      `If ${PROXY_ADDRESS} is the proxy, set TRUST_PROXY=${PROXY_ADDRESS}`,
    )
    const other = await behind(t, GOOD_PROXY, { COOKIE_SECURE: true, TRUST_PROXY: '10.0.0.1' })
    t.assert.deepStrictEqual(other.bad, ['fail own origin', 'warn client address'])
    const silent = GOOD_PROXY.replace('$proxy_add_x_forwarded_for', PROXY_ADDRESS)
    t.assert.deepStrictEqual((await behind(t, silent)).bad, ['warn client address'])
  },
)

test(
  'doctor --url reports a proxy that does not pass on the host, the scheme or a header',
  needsProxy,
  async (t: TestContext) => {
    const noHost = await behind(t, GOOD_PROXY.replace('$http_host', 'inner'))
    t.assert.deepStrictEqual(noHost.bad, ['fail own origin'])
    t.assert.match(noHost.find('own origin')?.text ?? '', /it does not know its own host$/)
    const noScheme = await behind(t, GOOD_PROXY.replace(/proxy_set_header X-Forwarded-Proto.*/, ''))
    t.assert.deepStrictEqual(noScheme.bad, ['fail own origin'])
    t.assert.match(noScheme.find('own origin')?.text ?? '', /it does not know its own scheme$/)
    const hidden = `${GOOD_PROXY} proxy_hide_header Strict-Transport-Security;`
    t.assert.deepStrictEqual((await behind(t, hidden)).bad, ['warn hsts'])
  },
)

test(
  'doctor --url reports an untrusted certificate, a redirect, and a proxy without a server',
  needsProxy,
  async (t: TestContext) => {
    const settings = { DATABASE_URL: await createDatabase(), ...TRUSTING }
    const { url, plainUrl, certificate } = await startProxy(t, await freePort(), GOOD_PROXY)
    const untrusted = await doctor(t, url, settings)
    t.assert.deepStrictEqual([untrusted.code, untrusted.bad], [1, ['fail public url']])
    t.assert.match(untrusted.find('public url')?.text ?? '', /certificate is self-signed/)
    const redirected = await doctor(t, plainUrl, { ...settings, COOKIE_SECURE: false })
    t.assert.deepStrictEqual(redirected.bad, ['fail public url'])
    t.assert.match(redirected.find('public url')?.text ?? '', /redirects to https:/)
    const dead = await doctor(t, url, settings, certificate)
    t.assert.deepStrictEqual(dead.bad, ['fail public url'])
    t.assert.match(dead.find('public url')?.text ?? '', /^the proxy answers 502/)
  },
)

test('doctor --url reports another database, and a URL that is not Gatehouse or does not answer', async (t: TestContext) => {
  const DATABASE_URL = await createDatabase()
  const { app } = await build(t, { DATABASE_URL: await createDatabase() })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const other = await doctor(t, url, { DATABASE_URL })
  t.assert.deepStrictEqual([other.code, other.bad], [1, ['fail client address']])
  t.assert.match(other.find('client address')?.text ?? '', /not in the database of DATABASE_URL$/)
  const path = await doctor(t, `${url}/elsewhere`, { DATABASE_URL })
  t.assert.deepStrictEqual(path.bad, ['fail public url'])
  t.assert.match(path.find('public url')?.text ?? '', /answers 404, and it is not Gatehouse$/)
  const closed = await doctor(t, `http://127.0.0.1:${await freePort()}`, { DATABASE_URL })
  t.assert.deepStrictEqual(closed.bad, ['fail public url'])
  t.assert.match(closed.find('public url')?.text ?? '', /ECONNREFUSED$/)
})

test('doctor --url, without a proxy, reports the address of the peer', async (t: TestContext) => {
  const DATABASE_URL = await createDatabase()
  const { app } = await build(t, { DATABASE_URL })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const { bad, find } = await doctor(t, url, { DATABASE_URL })
  t.assert.deepStrictEqual(bad, [])
  t.assert.strictEqual(find('client address')?.text, "is the peer's, 127.0.0.1; no proxy was seen")
})
