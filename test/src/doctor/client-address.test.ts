import { type TestContext, test } from 'node:test'
import { describeSighting, type Sighting } from '../../../src/doctor/client-address.ts'

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
