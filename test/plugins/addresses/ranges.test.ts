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
