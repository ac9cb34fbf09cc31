import { signFlaskCookie } from '../flask-cookies.ts'

const MS_PER_S = 1_000

/** What Flask-Login 0.6.3 keeps in a session. */
export interface FlaskSession {
  _fresh: boolean
  /** A digest of the client's address and user agent. */
  _id: string
  /** The account's id as text. */
  _user_id: string
}

/** @returns the value of the cookie, which Flask would compress where that makes it shorter */
export function writeFlaskCookie(session: FlaskSession, secretKey: string): string {
  return signFlaskCookie(JSON.stringify(session), { secretKey })
}

/** @returns the session in a cookie of `writeFlaskCookie`, or undefined if it is forged */
export function readFlaskCookie(cookie: string, secretKey: string): FlaskSession | undefined {
  const [payload = '', time = ''] = cookie.split('.')
  const json = Buffer.from(payload, 'base64url').toString()
  const seconds = Buffer.from(time, 'base64url')
  if (seconds.length !== 4) return undefined
  const signedAt = new Date(seconds.readUInt32BE() * MS_PER_S)
  return signFlaskCookie(json, { secretKey, signedAt }) === cookie ? JSON.parse(json) : undefined
}
