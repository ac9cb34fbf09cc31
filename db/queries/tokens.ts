import { and, desc, eq, inArray, isNull, lt, lte, or } from 'drizzle-orm'
import { type Database, onlyRow, type Queryable } from '../client.ts'
import { ago, now } from '../clock.ts'
import { digest } from '../digest.ts'
import { tokens } from '../schema.ts'
import { transaction } from '../transaction.ts'
import {
  authorize,
  type Change,
  isUnexpired,
  type Refused,
  refused,
  USE_PRECISION_MS,
} from './authority.ts'
import { recordEvent } from './events.ts'

export type TokenRecord = Awaited<ReturnType<typeof list>>[number]

/** Whether the last use must be written. */
export const isDue = or(isNull(tokens.lastUsedAt), lte(tokens.lastUsedAt, ago(USE_PRECISION_MS)))

const profile = {
  id: tokens.id,
  name: tokens.name,
  createdAt: tokens.createdAt,
  expiresAt: tokens.expiresAt,
  lastUsedAt: tokens.lastUsedAt,
}

/** Creates a token that acts as the account. */
export function create(
  db: Database,
  change: Change,
  { secret, name, expiresAt }: { secret: string; name: string; expiresAt?: Date | undefined },
): Promise<{ ok: true; token: TokenRecord } | Refused> {
  const { actor, origin, userId } = change
  return transaction(db, async (tx) => {
    const permission = await authorize(tx, change, 'own-or-admin')
    if (!permission.ok) return permission
    const [{ insertId: tokenId }] = await tx
      .insert(tokens)
      .values({ userId, digest: digest(secret), name, expiresAt })
    const token = onlyRow(await tx.select(profile).from(tokens).where(eq(tokens.id, tokenId)))
    const who = { actorId: actor.id, userId }
    await recordEvent(tx, origin, { type: 'token_created', ...who, detail: { tokenId } })
    return { ok: true, token }
  })
}

/** @returns at most `limit` tokens of the user, newest first, with ids below `before` */
export function list(
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

/** Ends a token of the account. A token of another account is `not-found`. */
export function end(
  db: Database,
  change: Change,
  tokenId: number,
): Promise<{ ok: true } | Refused> {
  const { actor, origin, userId } = change
  return transaction(db, async (tx) => {
    const permission = await authorize(tx, change, 'own-or-admin')
    if (!permission.ok) return permission
    const [{ affectedRows }] = await tx
      .delete(tokens)
      .where(and(eq(tokens.id, tokenId), eq(tokens.userId, userId)))
    if (affectedRows === 0) return refused('not-found')
    const who = { actorId: actor.id, userId }
    await recordEvent(tx, origin, { type: 'token_ended', ...who, detail: { tokenId } })
    return { ok: true }
  })
}

/**
 * Deletes all tokens of a user, within a larger change. The user's row must be locked, so that no
 * token is created at the same time.
 *
 * @returns their ids
 */
export async function removeAll(tx: Queryable, userId: number): Promise<number[]> {
  const doomed = eq(tokens.userId, userId)
  const rows = await tx.select({ id: tokens.id }).from(tokens).where(doomed)
  if (rows.length > 0) await tx.delete(tokens).where(doomed)
  return rows.map(({ id }) => id)
}

/** Stores that these tokens were used now. */
export async function touch(db: Queryable, ids: number[]): Promise<void> {
  await db
    .update(tokens)
    .set({ lastUsedAt: now })
    .where(and(inArray(tokens.id, ids), isDue)) // another process may have written it
}
