import { type TestContext, test } from 'node:test'
import { MAX_KEY_BYTES, MAX_USERNAME_LENGTH, usernameKey } from '../../db/usernames.ts'

test('the key of a username is the same for other cases and compatible forms', (t: TestContext) => {
  const same = [
    ['Alice', 'ALICE', 'ａｌｉｃｅ'],
    ['José', 'JOSÉ', 'jose\u0301'],
    ['straße', 'STRASSE', 'STRAẞE'],
    ['Οδός', 'ΟΔΌΣ', 'οδόσ'],
    ['ﬁn', 'FIN'],
  ]
  for (const names of same) t.assert.strictEqual(new Set(names.map(usernameKey)).size, 1, names[0])
})

test('the key of a username differs for other accents, spaces and letters', (t: TestContext) => {
  const names = ['jose', 'josé', ' jose', 'jose ', 'jo se', 'josě', 'ı', 'i', 'ß', 's']
  t.assert.strictEqual(new Set(names.map(usernameKey)).size, names.length)
})

test('the key of every code point is its own key and fits its column', (t: TestContext) => {
  for (let code = 0; code <= 0x10ffff; code++) {
    if (code >= 0xd800 && code <= 0xdfff) continue
    const key = usernameKey(String.fromCodePoint(code))
    if (usernameKey(key) !== key) t.assert.fail(`U+${code.toString(16)} has no stable key`)
    if (Buffer.byteLength(key) * MAX_USERNAME_LENGTH > MAX_KEY_BYTES) {
      t.assert.fail(`the key of U+${code.toString(16)} is too long`)
    }
  }
})
