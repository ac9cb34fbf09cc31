import { pbkdf2, randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { type ForeignHash, type ScryptHash, scryptMemory } from './stored-hash.ts'

const derivePbkdf2 = promisify(pbkdf2)
const derive: (
  password: string,
  salt: string,
  length: number,
  options: ScryptOptions,
) => Promise<Buffer> = promisify(scrypt)

/** Werkzeug's default since 2.3. */
const SCRYPT = { N: 2 ** 15, r: 8, p: 1 }
const SCRYPT_BYTES = 64
const SALT_BYTES = 12

/**
 * Verifies a password as Werkzeug does: by its UTF-8, of any length. NULs at its end make no
 * difference, because HMAC pads its key with them (RFC 2104).
 *
 * @param password well-formed: otherwise it would match one with U+FFFD in it
 */
export async function verifyForeign(password: string, hash: ForeignHash): Promise<boolean> {
  const { salt, digest } = hash
  const derived =
    hash.scheme === 'scrypt'
      ? await deriveScrypt(password, salt, hash)
      : await derivePbkdf2(password, salt, hash.iterations, digest.length, hash.hashFunction)
  return timingSafeEqual(derived, digest)
}

/** @returns `scrypt:32768:8:1$salt$digest`, for a password that bcrypt cannot hash */
export async function hashAsWerkzeug(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES).toString('base64url')
  const derived = await deriveScrypt(password, salt, SCRYPT)
  return `scrypt:${SCRYPT.N}:${SCRYPT.r}:${SCRYPT.p}$${salt}$${derived.toString('hex')}`
}

function deriveScrypt(
  password: string,
  salt: string,
  { N, r, p }: Pick<ScryptHash, 'N' | 'r' | 'p'>,
): Promise<Buffer> {
  const options = { N, r, p, maxmem: scryptMemory({ N, r, p }) }
  return derive(password, salt, SCRYPT_BYTES, options)
}
