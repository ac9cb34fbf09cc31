import { type TestContext, test } from 'node:test'
import { createPasswords } from '../../../plugins/passwords/passwords.ts'
import { classifyHash } from '../../../plugins/passwords/stored-hash.ts'
import vectors from './werkzeug-vectors.json' with { type: 'json' }

const COST = 5
const QUEUE = { concurrency: 2, maxWaiting: 1_000 }

const passwords = await createPasswords({ cost: COST, minLength: 8, queue: QUEUE })

for (const by of new Set(vectors.map((vector) => vector.by))) {
  const own = vectors.filter((vector) => vector.by === by)

  test(`a hash by ${by} matches its password only, and is outdated if bcrypt can replace it`, async (t: TestContext) => {
    t.assert.ok(own.length >= 8)
    for (const { hash, password } of own) {
      t.assert.ok(classifyHash(hash).ok, hash)
      const isLong = Buffer.byteLength(password) > 72 || password.includes('\0')
      const right = { ok: true, isOutdated: !isLong }
      t.assert.deepStrictEqual(await passwords.verify(password, hash), right, hash)
      for (const wrong of [`${password}x`, password.slice(0, -1), '', `\0${password}`]) {
        t.assert.deepStrictEqual(await passwords.verify(wrong, hash), { ok: false }, hash)
      }
    }
  })
}

test('the vectors have every scheme and function, long and decomposed passwords, and those with a NUL', (t: TestContext) => {
  const methods = new Set(vectors.map(({ hash }) => /^(?:\$2.|scrypt|pbkdf2:\w+)/.exec(hash)?.[0]))
  t.assert.deepStrictEqual(
    [...methods].sort(),
    ['$2a', '$2b', '$2y', 'pbkdf2:sha1', 'pbkdf2:sha224', 'pbkdf2:sha256'].concat([
      'pbkdf2:sha384',
      'pbkdf2:sha512',
      'scrypt',
    ]),
  )
  const has = (isSuch: (password: string) => boolean) =>
    t.assert.ok(vectors.some(({ password }) => isSuch(password)))
  has((password) => Buffer.byteLength(password) > 72)
  has((password) => password !== password.normalize())
  has((password) => password.includes('\0'))
})
