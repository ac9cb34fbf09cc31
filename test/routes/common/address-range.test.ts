import { type TestContext, test } from 'node:test'
import { addressRange } from '../../../routes/common/address-range.ts'

test('an address range is the /24 of IPv4 and the /64 of IPv6, in whatever spelling', (t: TestContext) => {
  t.assert.strictEqual(addressRange('192.0.2.7'), '192.0.2')
  t.assert.strictEqual(addressRange('::ffff:192.0.2.7'), '192.0.2')
  t.assert.strictEqual(addressRange('::ffff:c000:207'), '192.0.2')
  t.assert.strictEqual(addressRange('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::')
  t.assert.strictEqual(addressRange('2001:DB8:1:2::6'), addressRange('2001:0db8:0001:0002:ffff::1'))
  t.assert.notStrictEqual(addressRange('2001:db8::1'), addressRange('2001:db8:0:1::1'))
  t.assert.strictEqual(addressRange(undefined), '')
})
