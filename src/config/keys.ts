import { hkdfSync } from 'node:crypto'

const KEY_BYTES = 32

/** The purpose of the keys that check tokens, for the server and for `gatehouse seed`. */
export const TOKEN_KEYS = 'gatehouse tokens'

/**
 * Derives one key for each secret (HKDF, RFC 5869). Keys of different purposes are independent, so
 * what is signed for one purpose is worth nothing for another.
 *
 * @param secrets the secrets of `SESSION_SECRET`
 */
export function deriveKeys(secrets: string[], purpose: string): Buffer[] {
  return secrets.map((secret) => Buffer.from(hkdfSync('sha256', secret, '', purpose, KEY_BYTES)))
}
