import { type TestContext, test } from 'node:test'
import { type Reason, RowChecker } from '../../../src/import/check-row.ts'
import { OLD_HASH } from '../../support/flask/source-table.ts'

const good = { place: 'id 1', id: 1, username: 'Ann', password: OLD_HASH, role: 'user' }

const REFUSED: [Reason, object][] = [
  ...['', '0', '01', '-1', '1.5', '1e3', '0x10', '9007199254740992', 1.5, -1, {}, true].map(
    (id): [Reason, object] => ['id-invalid', { id }],
  ),
  ...[undefined, null, '', 7, ['a']].map((username): [Reason, object] => [
    'username-missing',
    { username },
  ]),
  ['username-too-long', { username: 'é'.repeat(81) }],
  ...['a\tb', 'a\nb', '\0', '\x7f', '\x85', '\ud800'].map((username): [Reason, object] => [
    'username-invalid',
    { username },
  ]),
  ...[undefined, null, '', 'root', 'Admin', 'user '].map((role): [Reason, object] => [
    'role-unknown',
    { role },
  ]),
  ...[undefined, null, '', 7].map((password): [Reason, object] => [
    'password-missing',
    { password },
  ]),
  ['password-invalid', { password: 'half of a pair: \ud800' }],
  ['hash-too-expensive', { password: OLD_HASH.replace('$04$', '$16$') }],
  ['hash-damaged', { password: OLD_HASH.slice(0, 59) }],
  ['hash-unsupported', { password: '5f4dcc3b5aa765d61d8327deb882cf99' }],
  ['hash-unsupported', { password: undefined, hash: 'a password' }],
  ['hash-and-password', { hash: OLD_HASH, fault: 'hash-and-password' }],
]

for (const [reason, changed] of REFUSED) {
  test(`a row with ${JSON.stringify(changed)} is refused as ${reason}`, (t: TestContext) => {
    const checked = new RowChecker().check({ ...good, ...changed })
    t.assert.strictEqual(checked.ok ? undefined : checked.refusal.reason, reason)
  })
}

test('names with spaces, accents and other scripts are taken as they are, up to 80 code points', (t: TestContext) => {
  const checker = new RowChecker()
  for (const username of [
    ' a ',
    'José Núñez',
    '王小明',
    '😀'.repeat(80),
    "o'neil",
    '<b>',
    '\ufffd',
  ]) {
    const checked = checker.check({ ...good, id: undefined, username })
    t.assert.strictEqual(checked.ok && checked.row.username, username)
  }
})

test('a second row with an id, or with a name in another case or form, is refused', (t: TestContext) => {
  const checker = new RowChecker()
  const reasons = [
    good,
    { ...good, username: 'Bob' },
    { ...good, id: '2', username: 'ANN' },
    { ...good, id: 3, username: 'ａｎｎ' },
  ].map((row) => {
    const checked = checker.check(row)
    return checked.ok ? undefined : checked.refusal.reason
  })
  t.assert.deepStrictEqual(reasons, [
    undefined,
    'id-repeated',
    'username-repeated',
    'username-repeated',
  ])
  t.assert.deepStrictEqual([...checker.ids], [1, 2, 3])
  t.assert.strictEqual(checker.highestId, 3)
})

test('a row without id and name, and an unreadable row, are not identified', (t: TestContext) => {
  const complete = new RowChecker()
  complete.check({ ...good, role: 'root' })
  t.assert.strictEqual(complete.allIdentified, true)
  const unreadable = new RowChecker()
  unreadable.check({ place: 'line 2', fault: 'unreadable' })
  t.assert.strictEqual(unreadable.allIdentified, false)
  const nameless = new RowChecker()
  nameless.check({ place: 'line 3', password: OLD_HASH })
  t.assert.strictEqual(nameless.allIdentified, false)
})
