import { createHmac, timingSafeEqual } from 'node:crypto'
import { inflateSync } from 'node:zlib'

const SALT = 'cookie-session'
const MS_PER_S = 1_000

/** What Flask-Login 0.6.3 keeps in a session. */
export interface FlaskSession {
  _fresh: boolean
  /** A digest of the client's address and user agent. */
  _id: string
  /** The account's id as text. */
  _user_id: string
}

/**
 * Signs a session as Flask 3.1 and itsdangerous 2.2 do: HMAC-SHA1, with a key derived from the secret and
 * the salt. It never compresses, which Flask does where that makes the cookie shorter.
 *
 * @param at in milliseconds; the cookie holds whole seconds
 */
export function signFlaskCookie(session: FlaskSession, secret: string, at = Date.now()): string {
  const seconds = Buffer.alloc(4)
  seconds.writeUInt32BE(Math.floor(at / MS_PER_S))
  const payload = Buffer.from(JSON.stringify(session)).toString('base64url')
  const signed = `${payload}.${seconds.toString('base64url')}`
  return `${signed}.${signature(signed, secret).toString('base64url')}`
}

/** @returns the session, or undefined if the signature is wrong */
export function readFlaskCookie(cookie: string, secret: string): FlaskSession | undefined {
  const end = cookie.lastIndexOf('.')
  const given = Buffer.from(cookie.slice(end + 1), 'base64url')
  const wanted = signature(cookie.slice(0, end), secret)
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return undefined
  const isCompressed = cookie.startsWith('.')
  const [payload = ''] = cookie.slice(isCompressed ? 1 : 0).split('.')
  const bytes = Buffer.from(payload, 'base64url')
  return JSON.parse((isCompressed ? inflateSync(bytes) : bytes).toString())
}

function signature(text: string, secret: string): Buffer {
  const key = createHmac('sha1', secret).update(SALT).digest()
  return createHmac('sha1', key).update(text).digest()
}
