import type { Queryable } from '../client.ts'
import { usedCookies } from '../schema.ts'

/** A session cookie of the Flask service, whose signature and age were verified. */
export interface VerifiedFlaskCookie {
  /** SHA-256 of the cookie. */
  digest: Buffer
  userId: number
  signedAt: Date
  /** From then on the cookie is refused without a query. */
  expiresAt: Date
}

/**
 * Marks a cookie as exchanged, within a larger change.
 *
 * @param sessionDigest SHA-256 of the secret id of the session that the cookie is exchanged for
 * @returns false if the cookie was exchanged or revoked before
 */
export function markExchanged(
  tx: Queryable,
  cookie: VerifiedFlaskCookie,
  sessionDigest: Buffer,
): Promise<boolean> {
  return markUsed(tx, cookie, sessionDigest)
}

/**
 * Revokes a cookie, within a larger change. A cookie that was exchanged before stays marked as exchanged:
 * a request in parallel gets the session, if the session is still live.
 */
export async function revoke(tx: Queryable, cookie: VerifiedFlaskCookie): Promise<void> {
  await markUsed(tx, cookie, null)
}

async function markUsed(
  tx: Queryable,
  { digest, expiresAt }: VerifiedFlaskCookie,
  sessionDigest: Buffer | null,
): Promise<boolean> {
  const row = { digest, sessionDigest, expiresAt: expiresAt.toISOString() }
  // IGNORE waits for another transaction that inserts the same digest, and then inserts nothing.
  const [{ affectedRows }] = await tx.insert(usedCookies).ignore().values(row)
  return affectedRows > 0
}
