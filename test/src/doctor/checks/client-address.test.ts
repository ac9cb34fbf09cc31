import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import {
  checkClientAddress,
  describeSighting,
  type Sighting,
} from '../../../../src/doctor/checks/client-address.ts'
import { createDatabase } from '../../../support/database/database.ts'
import { open } from '../../../support/database/open.ts'

/** A client of the Internet at a proxy whose address is public. */
const SEEN: Sighting = {
  recorded: '198.51.100.9',
  forged: '192.0.2.7',
  local: '198.51.100.9',
  remote: '203.0.113.80',
  isProxied: true,
}

function statusOf(TRUST_PROXY: string | undefined, seen: Partial<Sighting>): string {
  return describeSighting({ ...(TRUST_PROXY && { TRUST_PROXY }) }, { ...SEEN, ...seen }).status
}

test('the recorded address is right if it is that of this machine, or may be its public one', (t: TestContext) => {
  t.assert.strictEqual(statusOf('10.0.0.1', {}), 'ok')
  t.assert.strictEqual(statusOf('10.0.0.1', { local: '192.168.1.5' }), 'ok')
  t.assert.strictEqual(statusOf('10.0.0.1', { local: '2001:db8::5' }), 'ok')
  t.assert.strictEqual(statusOf(undefined, { isProxied: false }), 'ok')
})

test('a recorded address of a proxy is a warning', (t: TestContext) => {
  t.assert.strictEqual(statusOf(undefined, { recorded: '10.0.0.1' }), 'warn')
  t.assert.strictEqual(statusOf('10.0.0.2', { recorded: '10.0.0.1' }), 'warn')
  t.assert.strictEqual(statusOf('10.0.0.0/8', { recorded: '10.0.0.1' }), 'warn')
  t.assert.strictEqual(statusOf('10.0.0.1', { recorded: 'fd00::1' }), 'warn')
  t.assert.strictEqual(statusOf('10.0.0.1', { recorded: SEEN.remote }), 'warn')
})

test('a recorded address that the client chose is a failure, unless the client itself is trusted', (t: TestContext) => {
  const { forged, local } = SEEN
  t.assert.strictEqual(statusOf('10.0.0.1', { recorded: forged }), 'fail')
  t.assert.strictEqual(statusOf('0.0.0.0/0', { recorded: forged }), 'fail')
  t.assert.strictEqual(statusOf(undefined, { recorded: forged }), 'fail')
  t.assert.strictEqual(statusOf(`10.0.0.1,${local}`, { recorded: forged }), 'warn')
})

test('a login that something other than the server answers is a warning with the status, and a code if there is one', async (t: TestContext) => {
  const db = open(t, await createDatabase(), 1)
  for (const [body, text] of [
    [{}, 'is not known: POST /login answers 405'],
    [{ code: 'NO_POST' }, 'is not known: POST /login answers 405 NO_POST'],
  ] as const) {
    const server = createServer((_request, response) => {
      response.writeHead(405).end(JSON.stringify(body))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => server.close())
    const { port } = server.address() as AddressInfo // what a server on a port has
    const check = await checkClientAddress(db, {}, new URL(`http://127.0.0.1:${port}`))
    t.assert.deepStrictEqual([check.status, check.text], ['warn', text])
  }
})
