import { createServer } from 'node:http'
import { type TestContext, test } from 'node:test'
import { createDatabase } from '../support/database/database.ts'
import { query } from '../support/database/query.ts'
import { type Site, startSite } from '../support/deploy/site.ts'
import { freePort } from '../support/process/free-port.ts'
import { exitCode, install, startServer } from '../support/process/installation.ts'
import { listenOnLoopback } from '../support/process/listen-on-loopback.ts'
import { needsNginx } from '../support/process/nginx.ts'
import { until } from '../support/until.ts'

const PRODUCTION = {
  NODE_ENV: 'production',
  SESSION_SECRET: 'the secret of the nginx test of 32 characters or more',
  TRUST_PROXY: '127.0.0.1',
  RATE_LIMIT_ENABLED: 'false',
  LOGIN_THROTTLE_ENABLED: 'false',
  // The machine may be busy with other tests.
  MAX_EVENT_LOOP_DELAY_MS: '60000',
  DATABASE_TIMEOUT_MS: '60000',
}
const ALICE = { username: 'alice', password: 'tea at the old mill' }
const READERS = 6
/** Of each reader, before and after an instance stops. */
const REQUESTS = 40

test(
  'through nginx, a login by TLS sets the __Host- cookie, and the audit trail has the address of the client',
  needsNginx,
  async (t: TestContext) => {
    const { site, database } = await startCluster(t)
    const forged = {
      'x-forwarded-for': '192.0.2.66',
      'x-forwarded-host': 'evil.example',
      'x-request-id': 'forged',
    }
    const registered = await post(site, '/user', ALICE, { ...forged, origin: site.origin })
    t.assert.strictEqual(registered.status, 200, registered.body)
    const login = await post(site, '/login', ALICE, { ...forged, origin: site.origin })
    t.assert.strictEqual(login.status, 200, login.body)
    t.assert.match(cookieLine(login), /^__Host-session=[^;]+; .*Secure/)
    const cookie = cookieLine(login).replace(/;.*/, '')
    const me = await site.send('GET', '/me', { headers: { cookie } })
    t.assert.strictEqual(me.status, 200)
    t.assert.ok(String(me.headers['strict-transport-security']).startsWith('max-age='))

    const foreign = await post(site, '/login', ALICE, { ...forged, origin: 'https://evil.example' })
    t.assert.strictEqual(foreign.status, 403, 'the origin of another site')

    const events = await query(database, 'SELECT address, request_id FROM events')
    t.assert.ok(events.length >= 2)
    for (const { address } of events) t.assert.strictEqual(address, site.client)
    const id = String(login.headers['x-request-id'])
    t.assert.match(id, /^[0-9a-f]{32}$/)
    t.assert.ok(events.some((event) => event.request_id === id))
    t.assert.ok(site.accessLog().includes(id), 'the log of nginx has the request id')
  },
)

test(
  'nginx redirects plain HTTP, passes on no metrics, and leaves the refusal of a large body to the server',
  needsNginx,
  async (t: TestContext) => {
    const { site } = await startCluster(t)
    const plain = await fetch(`${site.httpUrl}/me?page=2`, { redirect: 'manual' })
    t.assert.strictEqual(plain.status, 308)
    t.assert.strictEqual(plain.headers.get('location'), 'https://127.0.0.1/me?page=2')
    t.assert.strictEqual((await site.send('GET', '/metrics')).status, 404)

    const large = await post(site, '/login', { ...ALICE, password: 'x'.repeat(20_000) })
    t.assert.strictEqual(large.status, 413)
    t.assert.match(large.body, /"BODY_TOO_LARGE"/)
    const larger = await post(site, '/login', { ...ALICE, password: 'x'.repeat(100_000) })
    t.assert.strictEqual(larger.status, 413)
    t.assert.match(larger.body, /nginx/)
  },
)

test(
  'when an instance stops under load, no read and no login through nginx fails',
  needsNginx,
  async (t: TestContext) => {
    const { site, instances } = await startCluster(t)
    t.assert.strictEqual((await post(site, '/user', ALICE)).status, 200)
    const cookie = cookieLine(await post(site, '/login', ALICE)).replace(/;.*/, '')
    const failures: string[] = []
    let done = 0
    let isStopped = false
    const work = async (name: string, send: () => ReturnType<Site['send']>) => {
      let since = 0
      for (let sent = 0; sent < REQUESTS || since < REQUESTS; sent++) {
        const { status, body } = await send().catch((error) => ({ status: 0, body: String(error) }))
        if (status !== 200) failures.push(`${name}: ${status} ${body}`)
        done++
        if (isStopped) since++
      }
    }
    const read = () => site.send('GET', '/me', { headers: { cookie } })
    const running = [
      ...Array.from({ length: READERS }, () => work('read', read)),
      work('login', () => post(site, '/login', ALICE)),
    ]
    await until(
      () => done > READERS * 10,
      () => 'the load makes no progress',
    )
    const [first] = instances
    first?.child.kill('SIGTERM')
    t.assert.strictEqual(first && (await exitCode(first.child)), 0)
    isStopped = true
    await Promise.all(running)
    t.assert.deepStrictEqual(failures, [])
  },
)

test(
  'nginx sends a request that an instance may have executed to a second one only if it is a read',
  needsNginx,
  async (t: TestContext) => {
    for (const [method, times] of [
      ['GET', 2],
      ['POST', 1],
      ['PUT', 1],
      ['DELETE', 1],
    ] as const) {
      const received: string[] = []
      const broken = [await startBroken(t, received), await startBroken(t, received)]
      const site = await startSite(t, broken)
      const { status } = await site.send(method, '/')
      t.assert.strictEqual(status, 502)
      t.assert.strictEqual(received.length, times, `${method} arrived ${received.length} times`)
    }
  },
)

/** Starts two instances on one database, and nginx in front of them. */
async function startCluster(t: TestContext) {
  const installation = await install(t)
  const database = await createDatabase()
  const ports = [await freePort(), await freePort()]
  const environment = { ...PRODUCTION, DATABASE_URL: database }
  const instances = await Promise.all(
    ports.map((port) => startServer(installation, { ...environment, PORT: String(port) })),
  )
  return { site: await startSite(t, ports), instances, database }
}

/** A server that closes each connection when it has received a request. @returns its port */
async function startBroken(t: TestContext, received: string[]): Promise<number> {
  const server = createServer((request) => {
    received.push(`${request.method}`)
    request.socket.destroy()
  })
  t.after(() => server.close())
  return listenOnLoopback(server)
}

function post(site: Site, path: string, body: object, headers: Record<string, string> = {}) {
  return site.send('POST', path, { headers, body: JSON.stringify(body) })
}

function cookieLine({ headers }: Awaited<ReturnType<Site['send']>>): string {
  return [headers['set-cookie'] ?? []].flat()[0] ?? ''
}
