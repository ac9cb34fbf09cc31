import { type TestContext, test } from 'node:test'
import { readRequirements, withoutAppendedPath } from '../../../routes/verify/requirements.ts'

const SIGNED_IN = { role: undefined, scopes: [], allowsAnonymous: false }

function read(url: string, clientUrl?: string) {
  return readRequirements(withoutAppendedPath(url), clientUrl)
}

for (const [url, expected] of [
  ['/verify', {}],
  ['/verify?', {}],
  ['/verify??role=admin', { role: 'admin' }],
  ['/verify?role=user', { role: 'user' }],
  ['/verify?role=admin', { role: 'admin' }],
  ['/verify?scope=orders:read', { scopes: ['orders:read'] }],
  ['/verify?scope=orders:read+orders:write', { scopes: ['orders:read', 'orders:write'] }],
  ['/verify?scope=orders%3Aread&scope=introspect', { scopes: ['orders:read', 'introspect'] }],
  ['/verify?role=admin;scope=a:b', { role: 'admin', scopes: ['a:b'] }],
  ['/verify?anonymous=allow', { allowsAnonymous: true }],
  ['/verify;role=admin', { role: 'admin' }],
  ['/verify;role=admin/', { role: 'admin' }],
  ['/verify;role=admin;scope=a:b//orders', { role: 'admin', scopes: ['a:b'] }],
  // What follows the first slash is the client's.
  ['/verify/', {}],
  ['/verify/orders?role=admin', {}],
  ['/verify//?anonymous=allow', {}],
  ['/verify;role=admin//?role=user', { role: 'admin' }],
  ['/verify;role=admin/%zz', { role: 'admin' }],
  ['/verify;role=admin/../verify;anonymous=allow', { role: 'admin' }],
  ['/verify;role=admin/\n;anonymous=allow', { role: 'admin' }],
  ['/verify/../me', {}],
] as const) {
  test(`the URL ${JSON.stringify(url)} requires ${JSON.stringify(expected)}`, (t: TestContext) => {
    t.assert.deepStrictEqual(read(url), { ...SIGNED_IN, ...expected })
  })
}

for (const url of [
  ...['/verify?rolle=admin', '/verify?Role=admin', '/verify?role=Admin', '/verify?role=root'],
  ...['/verify?role=', '/verify?role', '/verify?role=admin&role=user', '/verify?role=admin%20'],
  ...['/verify?scope=', '/verify?scope=a', '/verify?scope=accounts:x', '/verify?scope=a:b,c:d'],
  ...['/verify?anonymous', '/verify?anonymous=1', '/verify?anonymous=allow&anonymous=allow'],
  ...['/verify?anonymous=allow&role=user', '/verify?anonymous=allow&scope=a:b'],
  ...['/verify?role=admin&x', '/verify?role=admin?anonymous=allow', '/verify?/'],
  ...['/verify;role=admin;role=user', '/verify;role=admin;role=user/x', '/verify;x', '/verify;x/y'],
  ...['/verify;role=admin?x=1', '/verify;?x=1', '/verify;role=admin#/x', '/verify?#'],
  ...['/verify;role=admin%2fx', '/verify;anonymous=allow;role=admin/'],
  // Written by mistake: it would require nothing.
  ...['/verify/?role=admin', '/verify/?x=1&role=admin', '/verify;role=user/?scope=a:b'],
  ...['/verify;role=admin/;role=user', '/verify/?rolle=admin', '/verify/;role=admin'],
  ...['/verify/?anonymous=allow'],
  // Not this operation.
  ...['/verifyx', '/verify%2f', '/VERIFY', '//verify', '/verify#', '/me', '*', ''],
  ...['http://localhost/verify?role=admin'],
]) {
  test(`the URL ${url} requires nothing that can be verified`, (t: TestContext) => {
    t.assert.strictEqual(read(url), undefined)
  })
}

test('a query that permits anonymous requests has no effect if it may be that of the client', (t: TestContext) => {
  const url = '/verify?anonymous=allow'
  for (const own of [
    ...[undefined, '', '/', '/x?y=z', '/anonymous=allow'],
    // Gatehouse refuses these queries themselves, so the proxy has not copied them.
    ...['/?anonymous=1', '/?anonymous', '/x?y=z&anonymou%73=allow', '/?anonymous=allow&role=user'],
  ]) {
    t.assert.ok(read(url, own)?.allowsAnonymous, own)
  }
  for (const own of [
    '/?anonymous=allow',
    '/x?anonymou%73=allow',
    '/?&;anonymous=allow;',
    '/??anonymous=allow',
  ]) {
    t.assert.deepStrictEqual(read(url, own), SIGNED_IN, own)
  }
  t.assert.strictEqual(read('/verify?role=admin', '/?anonymous=allow')?.role, 'admin')
})

test('a URL of another operation is not changed', (t: TestContext) => {
  for (const url of ['/me', '/verif', '/verifyx/y', '/verify', '/verify?role=admin', '/', '*']) {
    t.assert.strictEqual(withoutAppendedPath(url), url)
  }
})
