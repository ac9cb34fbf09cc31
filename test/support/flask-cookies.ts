import { createHmac } from 'node:crypto'

/** The default of FLASK_SESSION_LIFETIME. */
export const MAX_AGE_MS = 31 * 24 * 60 * 60 * 1_000

/**
 * Signs content as Flask does, with a time that the test chooses. test/plugins/flask-sessions compares it
 * with a cookie that Flask made.
 *
 * @param json the content of the session; it is not compressed
 * @returns the value of the cookie
 */
export function signFlaskCookie(
  json: string,
  { secretKey, signedAt = new Date() }: { secretKey: string; signedAt?: Date },
): string {
  const seconds = Buffer.alloc(4)
  seconds.writeUInt32BE(Math.floor(signedAt.getTime() / 1_000))
  const key = createHmac('sha1', secretKey).update('cookie-session').digest()
  const signed = `${Buffer.from(json).toString('base64url')}.${seconds.toString('base64url')}`
  return `${signed}.${createHmac('sha1', key).update(signed).digest('base64url')}`
}
