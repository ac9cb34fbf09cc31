/** A bcrypt hash, the scheme of new passwords. */
export interface BcryptHash {
  scheme: 'bcrypt'
  cost: number
  text: string
}

/** A hash by Werkzeug's `generate_password_hash`: `scrypt:N:r:p$salt$digest`. */
export interface ScryptHash {
  scheme: 'scrypt'
  N: number
  r: number
  p: number
  salt: string
  digest: Buffer
}

/** A hash by Werkzeug's `generate_password_hash`: `pbkdf2:function:iterations$salt$digest`. */
export interface Pbkdf2Hash {
  scheme: 'pbkdf2'
  hashFunction: string
  iterations: number
  salt: string
  digest: Buffer
}

export type ForeignHash = ScryptHash | Pbkdf2Hash

/**
 * - `hash-too-expensive`: a known scheme with parameters beyond the limits
 * - `hash-damaged`: begins like a known scheme, and is malformed or cut off
 * - `hash-unsupported`: looks like a hash of another scheme
 */
export type HashFault = 'hash-too-expensive' | 'hash-damaged' | 'hash-unsupported'

export type ClassifiedHash =
  | ({ ok: true } & (BcryptHash | ForeignHash))
  | { ok: false; reason: HashFault | 'not-a-hash' }

/** The column's length. */
const MAX_LENGTH = 255
/** A bcrypt hash of cost 31 would run for days. */
const MAX_COST = 15
/** N * r * p: the largest in OWASP's Password Storage Cheat Sheet is 2^17 * 8 * 1. */
const MAX_SCRYPT_WORK = 2 ** 20
/** 128 MiB for the table of the largest permitted N * r, and 1 MiB for the blocks beside it. */
const MAX_SCRYPT_MEMORY = 129 * 2 ** 20
/** Twice Werkzeug's default, 1,000,000. */
const MAX_ITERATIONS = 2_000_000

/** The digest's length in bytes, by the name of the hash function. */
const DIGEST_BYTES = new Map([
  ['sha1', 20],
  ['sha224', 28],
  ['sha256', 32],
  ['sha384', 48],
  ['sha512', 64],
])
const SCRYPT_DIGEST_BYTES = 64

/** The last characters of salt and digest carry 2 and 4 bits. Others never verify. */
const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]$/
const SALT_AND_DIGEST = /^([\x20-\x23\x25-\x7e]{1,128})\$([0-9a-f]+)$/
const POSITIVE_INTEGER = /^[1-9]\d*$/

/**
 * A plain password can have these forms, too: it is refused rather than guessed, because a hash
 * that is taken for a password would let in anyone who has read the hash.
 */
const UNSUPPORTED = [
  /^\$(?:argon2\w*|1|2|2x|3|5|6|7|y|gy|P|H|S|md5|sha1|apr1|scrypt|bcrypt-sha256)\$/, // crypt(3), passlib, phpass
  /^\$pbkdf2/,
  /^\{[\w.@-]+\}\S{13}/, // LDAP, Dovecot, Spring
  /^(?:md5|sha1|sha224|sha256|sha384|sha512)\$[^$]*\$[0-9a-f]{32}/i, // Werkzeug before 3.0, Django
  /^plain\$\$/, // Werkzeug before 3.0
  /^(?:pbkdf2_sha1|pbkdf2_sha256|bcrypt|bcrypt_sha256|argon2|scrypt)\$/, // Django
  /^(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{56}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})$/i,
  /^\*[0-9A-F]{40}$/, // MySQL
]

/**
 * Reads a stored hash. A hash that it returns verifies within bounded time and memory.
 *
 * @param text a hash, or a password in plain text
 * @returns the hash with its parameters, or why it is not one that `Passwords.verify` checks
 */
export function classifyHash(text: string): ClassifiedHash {
  const isKnown = /^(?:\$2[aby]\$|scrypt:|pbkdf2:)/.test(text)
  if (isKnown && text.length > MAX_LENGTH) return refused('hash-damaged')
  if (text.startsWith('scrypt:')) return readScrypt(text)
  if (text.startsWith('pbkdf2:')) return readPbkdf2(text)
  if (isKnown) return readBcrypt(text)
  const isUnsupported = UNSUPPORTED.some((pattern) => pattern.test(text))
  return refused(isUnsupported ? 'hash-unsupported' : 'not-a-hash')
}

function readBcrypt(text: string): ClassifiedHash {
  const cost = Number(BCRYPT.exec(text)?.[1])
  if (!(cost >= 4 && cost <= 31)) return refused('hash-damaged')
  if (cost > MAX_COST) return refused('hash-too-expensive')
  return { ok: true, scheme: 'bcrypt', cost, text }
}

function readScrypt(text: string): ClassifiedHash {
  const { parameters, rest } = splitMethod(text)
  const [N = 0, r = 0, p = 0] = parameters.map(positiveInteger)
  const parts = saltAndDigest(rest, SCRYPT_DIGEST_BYTES)
  if (parameters.length !== 3 || !parts || !N || !r || !p) return refused('hash-damaged')
  const isTooExpensive =
    N * r * p > MAX_SCRYPT_WORK || scryptMemory({ N, r, p }) > MAX_SCRYPT_MEMORY
  if (isTooExpensive) return refused('hash-too-expensive')
  const log2N = Math.log2(N)
  // RFC 7914, 2. No implementation computes others.
  if (!Number.isInteger(log2N) || log2N < 1 || log2N >= 16 * r) return refused('hash-damaged')
  return { ok: true, scheme: 'scrypt', N, r, p, ...parts }
}

/**
 * A `pbkdf2:sha256$…` without iterations means the default of the Werkzeug that reads it, which
 * differs between versions. Werkzeug never writes this form, so it is refused.
 */
function readPbkdf2(text: string): ClassifiedHash {
  const { parameters, rest } = splitMethod(text)
  const [hashFunction = '', iterationsText = ''] = parameters
  const iterations = positiveInteger(iterationsText)
  const bytes = DIGEST_BYTES.get(hashFunction)
  const isWellFormedMethod = rest !== undefined && parameters.length <= 2
  if (isWellFormedMethod && (!bytes || parameters.length < 2)) return refused('hash-unsupported')
  const parts = saltAndDigest(rest, bytes)
  if (parameters.length !== 2 || !iterations || !parts) return refused('hash-damaged')
  if (iterations > MAX_ITERATIONS) return refused('hash-too-expensive')
  return { ok: true, scheme: 'pbkdf2', hashFunction, iterations, ...parts }
}

/** @returns in bytes, what OpenSSL takes for one hash */
export function scryptMemory({ N, r, p }: { N: number; r: number; p: number }): number {
  return 128 * r * (N + p + 2)
}

/** Splits `scheme:parameter:…$rest`. */
function splitMethod(text: string): { parameters: string[]; rest: string | undefined } {
  const end = text.indexOf('$')
  const method = end < 0 ? text : text.slice(0, end)
  const [, ...parameters] = method.split(':')
  return { parameters, rest: end < 0 ? undefined : text.slice(end + 1) }
}

function saltAndDigest(rest = '', bytes = 0): { salt: string; digest: Buffer } | undefined {
  const [, salt, hex] = SALT_AND_DIGEST.exec(rest) ?? []
  if (!salt || hex?.length !== bytes * 2) return undefined
  return { salt, digest: Buffer.from(hex, 'hex') }
}

/** @returns 0 if it is not one */
function positiveInteger(text: string): number {
  return POSITIVE_INTEGER.test(text) ? Number(text) : 0
}

function refused(reason: HashFault | 'not-a-hash'): ClassifiedHash {
  return { ok: false, reason }
}
