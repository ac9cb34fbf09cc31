import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type Socket } from 'node:net'
import { resolve } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { makeUser, signIn } from '../../support/http/accounts.ts'
import { giveLimitedToken } from '../../support/http/identity.ts'
import { caddy, nginx } from '../../support/verify/proxies.ts'
import { startSite } from '../../support/verify/site.ts'

const { callerOf } = await import(pathToFileURL(resolve('examples/verify/identity.mjs')).href)

const NAMES = ['User-Id', 'Username', 'Role', 'Credential', 'Scopes'].map(
  (name) => `X-Gatehouse-${name}`,
)
const PREFLIGHT = { origin: 'https://app.example', 'access-control-request-method': 'DELETE' }

test('the example reads an identity, a visitor, and refuses an identity that lacks a header', (t: TestContext) => {
  const headers = {
    'x-gatehouse-user-id': '7',
    'x-gatehouse-username': 'a%20b',
    'x-gatehouse-role': 'user',
    'x-gatehouse-credential': 'token',
    'x-gatehouse-scopes': 'orders:read a:b',
  }
  const { isAllowed, ...caller } = callerOf(headers)
  t.assert.deepStrictEqual(caller, { id: 7, username: 'a b', role: 'user', credential: 'token' })
  const scopes = ['orders:read', 'a:b', 'orders:write', '*', ''].map(isAllowed)
  t.assert.deepStrictEqual(scopes, [true, true, false, false, false])
  t.assert.ok(callerOf({ ...headers, 'x-gatehouse-scopes': '*' }).isAllowed('orders:write'))
  for (const name of Object.keys(headers)) {
    for (const lost of [undefined, '']) {
      t.assert.throws(() => callerOf({ ...headers, [name]: lost }), /incomplete/, name)
    }
  }
  const empty = Object.fromEntries(Object.keys(headers).map((name) => [name, '']))
  for (const visitor of [{}, empty]) t.assert.strictEqual(callerOf(visitor), undefined)
})

/** Whether the next server may leave HTTP/1.1 (RFC 9110 7.8). */
function isUpgrade({ connection = '' }: { connection?: string | undefined }): boolean {
  return /upgrade/i.test(connection)
}

for (const { name, prepare, skip, hung } of [nginx, caddy]) {
  test(`${name}: a client cannot delete a header of its identity by naming it in Connection`, {
    skip,
  }, async (t: TestContext) => {
    const site = await startSite(t, prepare)
    const user = await makeUser(site.app)
    const limited = await giveLimitedToken(site.app, user, 'orders:read')
    for (const connection of [
      ...NAMES,
      ...[NAMES.join(', '), NAMES.join(',').toUpperCase(), 'close, x-gatehouse-scopes'],
      ...['keep-alive,\tX-Gatehouse-Scopes', 'Upgrade, X-Gatehouse-Scopes', ',,x-gatehouse-role,'],
      ...['Authorization', 'X-Forwarded-For', 'Host', 'Content-Length'],
      ['close', 'X-Gatehouse-Scopes'],
      ['X-Gatehouse-Scopes', 'close'],
    ]) {
      const { status, received } = await site.send('/orders/1', { ...limited, connection })
      if (!received) {
        t.assert.strictEqual(status, 400, String(connection))
        continue
      }
      const caller = callerOf(received.headers)
      t.assert.deepStrictEqual([caller?.id, caller?.role], [user.id, 'user'], String(connection))
      t.assert.ok(!caller.isAllowed('orders:write'), String(connection))
    }
    for (const connection of ['close', 'Keep-Alive', 'keep-alive, Upgrade', 'TE, close']) {
      const { status, received } = await site.send('/orders/1', { ...limited, connection })
      t.assert.strictEqual(status, 200, connection)
      t.assert.strictEqual(callerOf(received?.headers).id, user.id)
    }
  })

  test(`${name}: a client cannot upgrade its connection to another protocol than WebSocket`, {
    skip,
  }, async (t: TestContext) => {
    const site = await startSite(t, prepare)
    for (const upgrade of ['h2c', 'H2C', 'websocket, h2c', 'TLS/1.0']) {
      const headers = {
        connection: 'Upgrade',
        upgrade,
        'http2-settings': 'AAMAAABkAARAAAAAAAIAAAAA',
      }
      const { status, received } = await site.send('/public/x', headers)
      if (received) t.assert.ok(!isUpgrade(received.headers), upgrade)
      else t.assert.strictEqual(status, 400, upgrade)
    }
    const headers = { connection: 'Upgrade', upgrade: 'websocket' }
    t.assert.strictEqual((await site.send('/public/x', headers)).status, 200)
  })

  test(`${name}: thousands of headers change neither the address of a client nor its identity`, {
    skip,
  }, async (t: TestContext) => {
    const site = await startSite(t, prepare)
    const user = await makeUser(site.app)
    const limited = await giveLimitedToken(site.app, user, 'orders:read')
    const forged = { 'x-forwarded-for': '203.0.113.5' }
    const statuses = []
    for (const count of [0, 500, 990, 1_000, 1_500, 3_000]) {
      // Caddy sorts them: before X-Forwarded-For, and after Authorization.
      const many = { d: Array.from({ length: count }, () => '') }
      const sent = { ...many, ...forged, ...limited }
      const { status, received } = await site.send('/', sent, { from: '127.0.0.2' })
      statuses.push(status)
      if (!received) continue
      t.assert.strictEqual(callerOf(received.headers).id, user.id)
      t.assert.ok(!callerOf(received.headers).isAllowed('orders:write'))
      const verifications = site.log.lines.filter(({ route }) => route === '/verify')
      t.assert.strictEqual(verifications.at(-1)?.address, '127.0.0.2')
    }
    t.diagnostic(`statuses: ${statuses}`)
    t.assert.strictEqual(statuses[0], 200)
  })

  test(`${name}: OPTIONS without the headers of a preflight needs a credential`, {
    skip,
  }, async (t: TestContext) => {
    const site = await startSite(t, prepare)
    const [origin, requested] = Object.entries(PREFLIGHT).map((entry) =>
      Object.fromEntries([entry]),
    )
    const length = { 'content-length': '3' }
    for (const headers of [{}, origin, requested, { ...origin, 'x-http-method-override': 'PUT' }]) {
      const sent = { ...headers, ...length }
      const refused = await site.send('/admin/x', sent, { method: 'OPTIONS', body: 'x=1' })
      t.assert.deepStrictEqual([refused.status, refused.passed], [401, false])
    }
    const cookie = await signIn(site.app, await makeUser(site.app, 'admin'))
    const sent = { cookie, ...length }
    const passed = await site.send('/admin/x', sent, { method: 'OPTIONS', body: 'x=1' })
    t.assert.deepStrictEqual([passed.status, passed.received?.body], [200, 'x=1'])
  })

  test(`${name}: a preflight reaches the service without what makes another method of it, and without a credential`, {
    skip,
  }, async (t: TestContext) => {
    const site = await startSite(t, prepare)
    const cookie = await signIn(site.app, await makeUser(site.app, 'admin'))
    const override = {
      ...{ 'x-http-method-override': 'DELETE', 'X-HTTP-Method': 'DELETE' },
      ...{ 'X-Method-Override': 'DELETE', 'X-METHOD-OVERRIDE': 'PUT' },
    }
    const headers = {
      ...{ ...PREFLIGHT, ...override, cookie, authorization: 'Bearer x' },
      'access-control-request-headers': 'content-type',
    }
    const { received } = await site.send('/admin/x', headers, { method: 'OPTIONS' })
    t.assert.deepStrictEqual([received?.method, received?.url], ['OPTIONS', '/admin/x'])
    const kept = Object.keys(received?.headers ?? {})
    for (const gone of [...Object.keys(override), 'cookie', 'authorization']) {
      t.assert.ok(!kept.includes(gone.toLowerCase()), gone)
    }
    for (const sent of [...Object.keys(PREFLIGHT), 'access-control-request-headers', 'host']) {
      t.assert.ok(kept.includes(sent), sent)
    }
  })

  test(`${name}: nothing passes while Gatehouse accepts connections and does not respond`, {
    skip,
    timeout: 60_000,
  }, async (t: TestContext) => {
    const sockets: Socket[] = []
    const silent = createServer((socket) => sockets.push(socket.on('error', () => undefined)))
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    t.after(() => {
      for (const socket of sockets) socket.destroy()
      silent.close()
    })
    const { port } = silent.address() as AddressInfo // what a TCP server returns
    const site = await startSite(t, prepare, port)
    const paths = ['/', '/admin/x', '/orders/x', '/public/x']
    const answers = await Promise.all(paths.map((path) => site.send(path)))
    t.assert.deepStrictEqual(
      answers.map(({ status, passed }) => [status, passed]),
      paths.map(() => [hung, false]),
    )
  })
}
