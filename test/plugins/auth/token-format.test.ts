import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { hexDigest } from '../../../db/digest.ts'
import { createTokenFormat } from '../../../plugins/auth/token-format.ts'

const [newKey, oldKey] = [randomBytes(32), randomBytes(32)]

test('a created token has the documented form and is verified, with its digest', (t: TestContext) => {
  const format = createTokenFormat([newKey])
  const made = Array.from({ length: 500 }, () => format.create())
  t.assert.strictEqual(new Set(made).size, made.length)
  for (const secret of made) {
    t.assert.match(secret, /^gh_[A-Za-z0-9_-]{43}$/)
    t.assert.deepStrictEqual(format.read(secret), { digest: hexDigest(secret), isVerified: true })
  }
})

test('a digest is that of the verified token, and is there for a forged one too', (t: TestContext) => {
  const format = createTokenFormat([newKey])
  for (const secret of [format.create(), toToken(randomBytes(32))]) {
    t.assert.strictEqual(format.digestOf(secret), hexDigest(secret))
    t.assert.strictEqual(format.digestOf(secret), format.read(secret)?.digest)
    t.assert.strictEqual(format.digestOf(`${secret}A`), undefined)
  }
})

test('a token is verified by each of several keys, and made with the first one', (t: TestContext) => {
  const both = createTokenFormat([newKey, oldKey])
  const older = createTokenFormat([oldKey])
  t.assert.strictEqual(both.read(older.create())?.isVerified, true)
  t.assert.strictEqual(older.read(both.create())?.isVerified, false)
  t.assert.strictEqual(createTokenFormat([newKey]).read(both.create())?.isVerified, true)
})

test('a forged token, or one with any byte changed, is not verified', (t: TestContext) => {
  const format = createTokenFormat([newKey])
  const bytes = Buffer.from(format.create().slice(3), 'base64url')
  for (const index of bytes.keys()) {
    const changed = Buffer.from(bytes)
    changed[index] = (bytes[index] ?? 0) ^ 1
    t.assert.strictEqual(format.read(toToken(changed))?.isVerified, false, `byte ${index}`)
  }
  for (let round = 0; round < 1_000; round++) {
    t.assert.strictEqual(format.read(toToken(randomBytes(32)))?.isVerified, false)
  }
})

test('a text that no server makes as a token is not one', (t: TestContext) => {
  const format = createTokenFormat([newKey])
  const secret = format.create()
  const spelledOtherwise = secret.slice(0, -1) + nextLetter(secret.slice(-1))
  t.assert.deepStrictEqual(
    Buffer.from(spelledOtherwise.slice(3), 'base64url'),
    Buffer.from(secret.slice(3), 'base64url'),
  )
  const others = ['', 'gh_', secret.slice(3), `${secret}A`, secret.slice(0, -1), `${secret}\n`]
  for (const text of [...others, spelledOtherwise, secret.toLowerCase().replace('gh_', 'GH_')]) {
    t.assert.strictEqual(format.read(text), undefined, text)
  }
})

test('an accepted token is verified from then on, and no other token', (t: TestContext) => {
  const format = createTokenFormat([newKey])
  const [accepted, other] = [toToken(randomBytes(32)), toToken(randomBytes(32))]
  const read = format.read(accepted)
  t.assert.ok(read)
  format.accept(accepted, read)
  t.assert.deepStrictEqual(format.read(accepted), { digest: hexDigest(accepted), isVerified: true })
  t.assert.strictEqual(format.read(other)?.isVerified, false)
})

function toToken(bytes: Buffer): string {
  return `gh_${bytes.toString('base64url')}`
}

/** The letter whose bits are one more: base64url ignores the last two of the last letter. */
function nextLetter(letter: string): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return letters[letters.indexOf(letter) + 1] ?? ''
}
