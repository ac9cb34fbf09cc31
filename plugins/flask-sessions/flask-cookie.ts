import { createHmac, timingSafeEqual } from 'node:crypto'
import { inflateSync } from 'node:zlib'

/** The content of a valid Flask cookie. */
export interface FlaskCookie {
  userId: number
  /** When Flask signed it, in whole seconds. */
  signedAt: Date
}

/** How far the clock of the Flask service may be ahead. */
export const MAX_AHEAD_MS = 60_000
/** Browsers keep 4 KiB of a cookie. This is far more than a session inflates to. */
const MAX_INFLATED_BYTES = 64 * 1_024
/** The salt of Flask's sessions, from which itsdangerous derives the key with `key_derivation="hmac"`. */
const SALT = 'cookie-session'
const ALPHABET = '[A-Za-z0-9_-]'
/**
 * Payload, timestamp and signature in base64url without padding. The last character of a 20-byte signature
 * carries four bits. Its two spare bits must be zero: otherwise one signature has several spellings, and
 * each could be exchanged.
 */
const COOKIE = new RegExp(
  `^((\\.?)(${ALPHABET}+)\\.(${ALPHABET}{1,8}))\\.(${ALPHABET}{26}[AEIMQUYcgkosw048])$`,
)
const USER_ID = /^[1-9][0-9]{0,15}$/

/**
 * Verifies session cookies of Flask with Flask-Login, which `URLSafeTimedSerializer` of itsdangerous 1.1
 * or later signs with HMAC-SHA1.
 *
 * @param secretKey `SECRET_KEY` of the Flask application
 * @param maxAgeMs its `PERMANENT_SESSION_LIFETIME`, which Flask applies to every session cookie
 * @returns a function that reads a cookie at a time `now`, in ms since 1970. It returns undefined for a
 *   cookie that is malformed, forged, too old, from the future, or has no user id
 */
export function createFlaskVerifier(secretKey: string | Buffer, maxAgeMs: number) {
  const key = createHmac('sha1', secretKey).update(SALT).digest()

  return (cookie: string, now: number): FlaskCookie | undefined => {
    const [, signed = '', dot, payload = '', timestamp = '', signature = ''] =
      COOKIE.exec(cookie) ?? []
    if (signed === '') return undefined
    const expected = createHmac('sha1', key).update(signed).digest()
    if (!timingSafeEqual(expected, Buffer.from(signature, 'base64url'))) return undefined

    const signedAt = readSeconds(timestamp) * 1_000
    const ageMs = now - signedAt
    if (!(ageMs <= maxAgeMs && ageMs >= -MAX_AHEAD_MS)) return undefined
    const userId = readUserId(Buffer.from(payload, 'base64url'), dot === '.')
    return userId === undefined ? undefined : { userId, signedAt: new Date(signedAt) }
  }
}

/** @param timestamp at most 8 characters, whose bytes are a number in big-endian order */
function readSeconds(timestamp: string): number {
  const bytes = Buffer.from(timestamp, 'base64url')
  return bytes.length === 0 ? Number.NaN : bytes.readUIntBE(0, bytes.length)
}

/** Runs after the signature is verified, so the payload is what the Flask service wrote. */
function readUserId(payload: Buffer, isCompressed: boolean): number | undefined {
  let content: unknown
  try {
    const json = isCompressed
      ? inflateSync(payload, { maxOutputLength: MAX_INFLATED_BYTES })
      : payload
    content = JSON.parse(json.toString())
  } catch {
    return undefined
  }
  if (typeof content !== 'object' || content === null || !Object.hasOwn(content, '_user_id')) {
    return undefined
  }
  const { _user_id: text } = content as { _user_id: unknown } // it has the property
  if (typeof text !== 'string' || !USER_ID.test(text)) return undefined
  const userId = Number(text)
  return Number.isSafeInteger(userId) ? userId : undefined
}
