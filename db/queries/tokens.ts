import { and, desc, eq, inArray, isNull, lt, lte, or } from 'drizzle-orm'
import { type Database, type Queryable, transaction } from '../client.ts'
import { ago, now } from '../clock.ts'
import { digest } from '../digest.ts'
import { tokens } from '../schema.ts'
import { authorize, type Change, isUnexpired, type Refusal, USE_PRECISION_MS } from './authority.ts'
import { recordEvent } from './events.ts'

export type TokenRecord = Awaited<ReturnType<typeof listTokens>>[number]

/** Whether the last use is to be written. */
export const isDue = or(isNull(tokens.lastUsedAt), lte(tokens.lastUsedAt, ago(USE_PRECISION_MS)))

const profile = {
  id: tokens.id,
  name: tokens.name,
  createdAt: tokens.createdAt,
  expiresAt: tokens.expiresAt,
  lastUsedAt: tokens.lastUsedAt,
}

/** Makes a token that acts as the account. */
export function createToken(
  db: Database,
  change: Change,
  { secret, name, expiresAt }: { secret: string; name: string; expiresAt?: Date | undefined },
): Promise<TokenRecord | Refusal> {
  const { actor, origin, userId } = change
  return transaction(db, async (tx) => {
    const { refusal } = await authorize(tx, change, 'own-or-admin')
    if (refusal) return refusal
    const [{ insertId: tokenId }] = await tx
      .insert(tokens)
      .values({ userId, digest: digest(secret), name, expiresAt })
    const [made] = await tx.select(profile).from(tokens).where(eq(tokens.id, tokenId))
    const who = { actorId: actor.id, userId }
    await recordEvent(tx, origin, { type: 'token_created', ...who, detail: { tokenId } })
    return made ?? 'not-found'
  })
}

/** @returns at most `limit` tokens of the user, newest first, with ids below `before` */
export function listTokens(
  db: Queryable,
  userId: number,
  { before, limit }: { before?: number | undefined; limit: number },
) {
  return db
    .select(profile)
    .from(tokens)
    .where(
      and(
        eq(tokens.userId, userId),
        isUnexpired,
        before === undefined ? undefined : lt(tokens.id, before),
      ),
    )
    .orderBy(desc(tokens.id))
    .limit(limit)
}

/**
 * Ends a token of the account.
 *
 * @returns `not-found` also where the token is another account's
 */
export function endToken(db: Database, change: Change, tokenId: number): Promise<'done' | Refusal> {
  const { actor, origin, userId } = change
  return transaction(db, async (tx) => {
    const { refusal } = await authorize(tx, change, 'own-or-admin')
    if (refusal) return refusal
    const [{ affectedRows }] = await tx
      .delete(tokens)
      .where(and(eq(tokens.id, tokenId), eq(tokens.userId, userId)))
    if (affectedRows === 0) return 'not-found'
    const who = { actorId: actor.id, userId }
    await recordEvent(tx, origin, { type: 'token_ended', ...who, detail: { tokenId } })
    return 'done'
  })
}

/**
 * Ends all tokens of a user, as part of something else. The user's row must be locked, so that
 * none is made meanwhile.
 *
 * @returns their ids
 */
export async function dropTokens(tx: Queryable, userId: number): Promise<number[]> {
  const doomed = eq(tokens.userId, userId)
  const rows = await tx.select({ id: tokens.id }).from(tokens).where(doomed)
  if (rows.length > 0) await tx.delete(tokens).where(doomed)
  return rows.map(({ id }) => id)
}

/** Notes that these tokens were used just now. */
export async function touchTokens(db: Queryable, ids: number[]): Promise<void> {
  await db
    .update(tokens)
    .set({ lastUsedAt: now })
    .where(and(inArray(tokens.id, ids), isDue)) // another process may have been first
}
