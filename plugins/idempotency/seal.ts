import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'

const ALGORITHM = 'aes-256-gcm'
/** The first byte of a sealed answer: another layout would have another number. */
const FORMAT = 1
const NONCE_BYTES = 12
const TAG_BYTES = 16
const HEAD_BYTES = 1 + NONCE_BYTES + TAG_BYTES

/**
 * Encrypts and authenticates an answer by AES-256-GCM. With random nonces, a key may seal 2^32 answers
 * (NIST SP 800-38D 8.3), so each record has a key of its own.
 *
 * @param key 32 bytes, from which those of the records are derived
 * @param id the record that the answer belongs to: it opens in no other
 * @returns format, nonce, tag and ciphertext
 */
export function seal(key: Buffer, id: Buffer, plain: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(ALGORITHM, keyOf(key, id), nonce, {
    authTagLength: TAG_BYTES,
  }).setAAD(id)
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()])
  return Buffer.concat([Buffer.of(FORMAT), nonce, cipher.getAuthTag(), sealed])
}

/** @returns what was sealed, or undefined if the key or the record is another, or the bytes were changed */
export function open(key: Buffer, id: Buffer, bytes: Buffer): Buffer | undefined {
  if (bytes.length < HEAD_BYTES || bytes[0] !== FORMAT) return undefined
  const nonce = bytes.subarray(1, 1 + NONCE_BYTES)
  const tag = bytes.subarray(1 + NONCE_BYTES, HEAD_BYTES)
  const decipher = createDecipheriv(ALGORITHM, keyOf(key, id), nonce, { authTagLength: TAG_BYTES })
  decipher.setAAD(id).setAuthTag(tag)
  try {
    return Buffer.concat([decipher.update(bytes.subarray(HEAD_BYTES)), decipher.final()])
  } catch {
    return undefined
  }
}

function keyOf(key: Buffer, id: Buffer): Buffer {
  return createHmac('sha256', key).update(id).digest()
}
