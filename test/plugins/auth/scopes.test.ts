import { type TestContext, test } from 'node:test'
import Fastify from 'fastify'
import { AddressRanges, isAddressRange } from '../../../plugins/addresses/ranges.ts'
import { restrict } from '../../../plugins/auth/auth.ts'
import { allows, isScope, mayComeFrom, OWN_SCOPES } from '../../../plugins/auth/scopes.ts'

const token = { kind: 'token', id: 1, isStale: false, ownerKind: 'service' } as const

test('our own scopes and those with a prefix of another service are scopes, and others are not', (t: TestContext) => {
  for (const scope of [...OWN_SCOPES, 'orders:read', 'a:b', 'a-b_1:c.d:e']) {
    t.assert.ok(isScope(scope), scope)
  }
  for (const scope of [
    ...['', 'orders', 'accounts', 'accounts:admin', 'tokens:read', 'sessions:all', 'events:write'],
    ...[
      'introspect:x',
      'Orders:read',
      'orders:Read',
      'orders:',
      ':read',
      'orders:read\n',
      ' orders:read',
    ],
    ...[
      'orders::read',
      '1orders:read',
      'orders:read,write',
      `orders:${'a'.repeat(26)}`,
      'Accounts:read',
    ],
  ]) {
    t.assert.ok(!isScope(scope), scope)
  }
})

test('a credential without scopes allows everything, and one with scopes those alone', (t: TestContext) => {
  const limits = { addressRanges: undefined, scopes: undefined }
  t.assert.ok(allows({ kind: 'session', id: 1, isStale: false }, 'tokens'))
  t.assert.ok(allows({ ...token, ...limits }, 'tokens'))
  t.assert.ok(allows({ ...token, ...limits, scopes: ['tokens'] }, 'tokens'))
  t.assert.ok(!allows({ ...token, ...limits, scopes: ['token', 'tokens:x'] }, 'tokens'))
})

test('a credential with address ranges may come from these, and never from an unknown address', (t: TestContext) => {
  const limited = { ...token, scopes: undefined, addressRanges: '192.0.2.0/24 2001:db8::/32' }
  for (const address of ['192.0.2.1', '::ffff:192.0.2.1', '2001:db8::1']) {
    t.assert.ok(mayComeFrom(limited, address), address)
  }
  for (const address of ['192.0.3.1', '2001:db9::1', 'unknown', '', undefined]) {
    t.assert.ok(!mayComeFrom(limited, address), address)
  }
  t.assert.ok(mayComeFrom({ ...limited, addressRanges: undefined }, undefined))
  t.assert.ok(mayComeFrom({ kind: 'session', id: 1, isStale: false }, undefined))
})

test('an address range is an address without a zone or a CIDR, in canonical digits', (t: TestContext) => {
  for (const text of [
    '10.0.0.1',
    '10.0.0.0/8',
    '0.0.0.0/0',
    '::1',
    '::/0',
    '::ffff:192.0.2.0/120',
    ...['::ffff:0:0/96', '2000::/3', 'fc00::/7', '2001:db8::/32', '::1/128'],
  ]) {
    t.assert.ok(isAddressRange(text), text)
  }
  for (const text of [
    '',
    '/',
    '10.0.0.1/',
    '10.0.0.1/33',
    '10.0.0.1/08',
    '::/129',
    'fe80::1%lo',
    'a',
    '::/1e1',
    // They contain all addresses of IPv4.
    ...['::ffff:192.0.2.0/24', '::ffff:c000:200/24', '::ffff:0:0/95', '::/64', '::/80', '::/1'],
  ]) {
    t.assert.ok(!isAddressRange(text), text)
  }
})

test('a range of IPv4 in the form of IPv6 contains the plain addresses', (t: TestContext) => {
  const ranges = new AddressRanges(['::ffff:192.0.2.0/120'])
  const isInside = (address: string) => ranges.has(address)
  t.assert.ok(isInside('192.0.2.1') && isInside('::ffff:192.0.2.1') && isInside('::ffff:c000:201'))
  t.assert.ok(!isInside('192.0.3.1'))
})

test('a guarded route that declares no scope stops the start', async (t: TestContext) => {
  const app = Fastify()
  app.decorate('guard', {
    signedIn: (_request: unknown, _reply: unknown, done: () => void) => done(),
  } as never)
  app.register(async (scope) => {
    restrict(scope, 'signedIn')
    scope.get('/forgotten', () => '')
  })
  await t.assert.rejects(Promise.resolve(app.ready()), /\/forgotten declares no scope/)
})
