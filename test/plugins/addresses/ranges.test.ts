import { type TestContext, test } from 'node:test'
import { AddressRanges } from '../../../plugins/addresses/ranges.ts'

test('a range holds an address of its own family only, and no other text', (t: TestContext) => {
  const ranges = new AddressRanges(['10.0.0.0/8', '2001:db8::/32', '192.0.2.1'])
  const inside = ['10.255.0.1', '2001:db8:1::1', '192.0.2.1', '::ffff:192.0.2.1']
  const outside = ['11.0.0.1', '2001:db9::1', '192.0.2.2', '', 'unknown', '10.0.0.0/8']
  t.assert.deepStrictEqual(
    inside.filter((address) => ranges.has(address)),
    inside,
  )
  t.assert.deepStrictEqual(
    outside.filter((address) => ranges.has(address)),
    [],
  )
  t.assert.strictEqual(new AddressRanges([]).has('10.0.0.1'), false)
})

test('a range of IPv6 contains no address of IPv4, in either form', (t: TestContext) => {
  // Accounts of earlier versions can have ranges that are refused now.
  for (const range of ['::/0', '::/64', '::/80', '::ffff:192.0.2.0/24', '2000::/3']) {
    const ranges = new AddressRanges([range])
    for (const address of ['192.0.2.1', '::ffff:192.0.2.1', '::ffff:c000:201', '127.0.0.1']) {
      t.assert.ok(!ranges.has(address), `${range} ${address}`)
    }
  }
  t.assert.ok(new AddressRanges(['::/0']).has('2001:db8::1'))
  for (const address of ['192.0.2.1', '::ffff:192.0.2.1']) {
    t.assert.ok(new AddressRanges(['0.0.0.0/0']).has(address))
    t.assert.ok(new AddressRanges(['::ffff:0:0/96']).has(address))
    t.assert.ok(new AddressRanges(['::ffff:192.0.2.1']).has(address))
  }
  t.assert.ok(!new AddressRanges(['0.0.0.0/0']).has('2001:db8::1'))
})
