import { hkdfSync } from 'node:crypto'

const KEY_BYTES = 32

/** Of the keys for the MACs of tokens, which the server and `gatehouse seed` make. */
export const TOKEN_KEY_PURPOSE = 'gatehouse tokens'
/** Of the keys for page cursors. */
export const CURSOR_KEY_PURPOSE = 'gatehouse cursors'
/** Of the keys for the fingerprints of requests with an `Idempotency-Key`. */
export const FINGERPRINT_KEY_PURPOSE = 'gatehouse idempotency fingerprints'
/** Of the keys that encrypt the answers to these requests. */
export const SEAL_KEY_PURPOSE = 'gatehouse idempotency answers'

/**
 * Derives one key for each secret (HKDF, RFC 5869). Keys of different purposes are independent, so
 * what is signed for one purpose is worth nothing for another.
 *
 * @param secrets the secrets of `SESSION_SECRET`
 */
export function deriveKeys(secrets: string[], purpose: string): Buffer[] {
  return secrets.map((secret) => Buffer.from(hkdfSync('sha256', secret, '', purpose, KEY_BYTES)))
}
