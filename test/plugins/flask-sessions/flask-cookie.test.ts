import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { createFlaskVerifier, MAX_AHEAD_MS } from '../../../plugins/flask-sessions/flask-cookie.ts'
import { MAX_AGE_MS, signFlaskCookie } from '../../support/flask-cookies.ts'

interface Vectors {
  versions: Record<string, string>
  secretKey: string
  /** In seconds since 1970, as `signedAt`. */
  madeAt: number
  valid: { name: string; cookie: string; userId: number; signedAt: number }[]
  refused: { name: string; cookie: string }[]
}

const FILE = 'test/plugins/flask-sessions/vectors.json'
const SETS: Vectors[] = JSON.parse(readFileSync(FILE, 'utf8'))

for (const { versions, secretKey, madeAt, valid, refused } of SETS) {
  const verify = createFlaskVerifier(secretKey, MAX_AGE_MS)
  const now = madeAt * 1_000

  test(`cookies that Flask ${versions.Flask} made are valid until they are 31 days old`, (t: TestContext) => {
    t.assert.ok(valid.length > 5)
    for (const { name, cookie, userId, signedAt } of valid) {
      const at = signedAt * 1_000
      const expected = { userId, signedAt: new Date(at) }
      for (const time of [now, at, at + MAX_AGE_MS, at - MAX_AHEAD_MS]) {
        t.assert.deepStrictEqual(verify(cookie, time), expected, name)
      }
      for (const time of [at + MAX_AGE_MS + 1, at - MAX_AHEAD_MS - 1, 0]) {
        t.assert.strictEqual(verify(cookie, time), undefined, name)
      }
    }
  })

  test(`cookies that Flask ${versions.Flask} made of other content, or that were tampered with, are refused`, (t: TestContext) => {
    t.assert.ok(refused.length > 20)
    for (const { name, cookie } of refused) {
      t.assert.strictEqual(verify(cookie, now), undefined, name)
    }
  })

  test(`the signer of the tests, with the content and time of a Flask ${versions.Flask} cookie, makes the same cookie`, (t: TestContext) => {
    const plain = valid.find(({ name }) => name === 'not compressed')
    t.assert.ok(plain)
    const json = '{"_fresh":true,"_user_id":"11"}'
    const signedAt = new Date(plain.signedAt * 1_000)
    t.assert.strictEqual(signFlaskCookie(json, { secretKey, signedAt }), plain.cookie)
  })
}

test('a valid cookie, with any character changed, removed or added, is refused', (t: TestContext) => {
  const [{ secretKey, madeAt, valid }] = SETS as [Vectors]
  const verify = createFlaskVerifier(secretKey, MAX_AGE_MS)
  const now = madeAt * 1_000
  const characters = 'ABQZaz059-_.+/= "%;\t'.split('')
  const cookies = valid.map(({ cookie }) => cookie)
  fc.assert(
    fc.property(
      fc.constantFrom(...cookies),
      fc.nat(),
      fc.constantFrom('', ...characters),
      fc.boolean(),
      (cookie, position, character, isAdded) => {
        const index = position % (cookie.length + 1)
        const changed = cookie.slice(0, index) + character + cookie.slice(index + (isAdded ? 0 : 1))
        return changed === cookie || verify(changed, now) === undefined
      },
    ),
    { numRuns: 20_000 },
  )
  t.assert.ok(cookies.every((cookie) => verify(cookie, now)))
})

test('any text is read without an error', (t: TestContext) => {
  const verify = createFlaskVerifier('key', MAX_AGE_MS)
  const part = fc.constantFrom('.', '', 'eyJ9', 'AAAA', 'aSkXHA', 'A'.repeat(27), '=', ';', 'é')
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), fc.string(), (parts, text) => {
      return verify(parts.join('.'), 0) === undefined && verify(text, 0) === undefined
    }),
    { numRuns: 5_000 },
  )
  const secretKey = 'key'
  const signedAt = new Date(1_000)
  const valid = signFlaskCookie('{"_user_id":"7"}', { secretKey, signedAt })
  t.assert.strictEqual(verify(valid, 1_000)?.userId, 7)
})
