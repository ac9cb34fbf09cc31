import { EventEmitter, once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { errors } from '../../../plugins/errors/errors.ts'
import { createPasswords } from '../../../plugins/passwords/passwords.ts'
import { classifyHash } from '../../../plugins/passwords/stored-hash.ts'
import vectors from './werkzeug-vectors.json' with { type: 'json' }

const OPTIONS = { cost: 5, minLength: 8 }
const LONG = 'longer than 72 bytes, \u5bc6\u7801 '.repeat(4)

test('any imported password gets a hash that matches it: bcrypt if it can hash it, scrypt otherwise', async (t: TestContext) => {
  const queue = { concurrency: 1, maxWaiting: 0 }
  const passwords = await createPasswords({ ...OPTIONS, queue })
  for (const [password, scheme] of [
    ['', 'bcrypt'],
    ['123', 'bcrypt'], // the policy is for new passwords
    ['password', 'bcrypt'],
    ['cafe\u0301', 'bcrypt'],
    ['x'.repeat(72), 'bcrypt'],
    ['x'.repeat(73), 'scrypt'],
    ['\u0958'.repeat(24), 'scrypt'], // 72 bytes, and 144 in NFC
    ['a \0 NUL', 'scrypt'],
    [LONG, 'scrypt'],
  ] as const) {
    const passwordHash = await passwords.hashImported(password)
    const classified = classifyHash(passwordHash)
    t.assert.ok(classified.ok)
    t.assert.strictEqual(classified.scheme, scheme)
    const kept = { ok: true, isOutdated: false }
    for (const form of [password.normalize('NFC'), password.normalize('NFD')]) {
      t.assert.deepStrictEqual(await passwords.verify(form, passwordHash), kept)
    }
    t.assert.deepStrictEqual(await passwords.verify(`${password}y`, passwordHash), { ok: false })
    t.assert.notStrictEqual(await passwords.hashImported(password), passwordHash, 'a salt each')
  }
})

test('an imported password with half of a surrogate pair is refused, and matches no scrypt hash', async (t: TestContext) => {
  const queue = { concurrency: 1, maxWaiting: 0 }
  const passwords = await createPasswords({ ...OPTIONS, queue })
  await t.assert.rejects(passwords.hashImported('half \ud83d of it'), TypeError)
  const replaced = await passwords.hashImported(`half \ufffd of it ${LONG}`)
  t.assert.match(replaced, /^scrypt:/)
  const half = `half \ud83d of it ${LONG}`
  t.assert.deepStrictEqual(await passwords.verify(half, replaced), { ok: false })
})

test('imported passwords are hashed by as many callers as there are slots, and none is refused', async (t: TestContext) => {
  const queue = { concurrency: 3, maxWaiting: 0 }
  const passwords = await createPasswords({ ...OPTIONS, queue })
  const rows = Array.from({ length: 300 }, (_, n) => `password ${n}`).values()
  const hashes: string[] = []
  await Promise.all(
    Array.from({ length: queue.concurrency }, async () => {
      for (const password of rows) hashes.push(await passwords.hashImported(password))
    }),
  )
  t.assert.strictEqual(new Set(hashes).size, 300)
})

test('an imported hash is verified in a slot of the hash queue, and refused if the queue is full', async (t: TestContext) => {
  const queue = { concurrency: 1, maxWaiting: 1 }
  const passwords = await createPasswords({ ...OPTIONS, queue })
  const vector = vectors.find(({ hash }) => hash.startsWith('scrypt:1024'))
  const { hash, password } = vector ?? { hash: '', password: '' }
  const gate = new EventEmitter()
  const held = passwords.queue.run(() => once(gate, 'release'))
  const verified = passwords.verify(password, hash)
  t.assert.deepStrictEqual(passwords.queue.load, { running: 1, waiting: 1 })
  await t.assert.rejects(passwords.verify(password, hash), errors.HASH_CAPACITY)
  await t.assert.rejects(passwords.hashImported(LONG), errors.HASH_CAPACITY)
  gate.emit('release')
  t.assert.deepStrictEqual(await verified, { ok: true, isOutdated: true })
  await held
})
