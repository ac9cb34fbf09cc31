import { type TestContext, test } from 'node:test'
import { toJson, visible } from '../../../../src/cli/output/output.ts'
import { Table } from '../../../../src/cli/output/table.ts'

test('a text with characters that a terminal obeys is printed with escapes in their place', (t: TestContext) => {
  for (const [text, shown] of [
    ['\u001b[2J\u0007', '\\u001b[2J\\u0007'],
    ['\u009b31m\u007f', '\\u009b31m\\u007f'],
    ['a\nb\tc\r', 'a\\u000ab\\u0009c\\u000d'],
    ['\u202egnp\u2066\u200f\u2028\ufeff', '\\u202egnp\\u2066\\u200f\\u2028\\ufeff'],
    ['\ud800x', '\\ud800x'],
    ['José 山田 👩‍👩‍👧 می‌خواهم', 'José 山田 👩‍👩‍👧 می‌خواهم'],
  ] as const) {
    t.assert.strictEqual(visible(text), shown)
    t.assert.doesNotMatch(toJson({ [text]: text }), /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u)
    t.assert.deepStrictEqual(JSON.parse(toJson({ [text]: text })), { [text]: text })
  }
})

test('a table aligns columns by the width of characters on a terminal, not by their number', (t: TestContext) => {
  const lines = new Table().format([
    ['NAME', 'ROLE'],
    ['山田太郎', 'admin'],
    ['José', 'user'],
    ['Jose\u0301', 'user'],
    ['👩‍👩‍👧', null],
  ])
  t.assert.deepStrictEqual(lines, [
    'NAME      ROLE',
    '山田太郎  admin',
    'José      user',
    'Jose\u0301      user',
    '👩‍👩‍👧        -',
  ])
})

test('the columns of a table become wider with a later page, and never narrower', (t: TestContext) => {
  const table = new Table()
  t.assert.deepStrictEqual(table.format([['a', 'b']]), ['a  b'])
  t.assert.deepStrictEqual(table.format([['long', 'b']]), ['long  b'])
  t.assert.deepStrictEqual(table.format([['a', 'b']]), ['a     b'])
  t.assert.deepStrictEqual(table.format([['x'.repeat(99), 'b']]), [`${'x'.repeat(99)}  b`])
  t.assert.deepStrictEqual(table.format([['a', 'b']]), [`a${' '.repeat(61)}b`])
})
