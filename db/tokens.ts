import { and, desc, eq, gt, inArray, isNull, lt, lte, or, sql } from 'drizzle-orm'
import { type Actor, authorize, type Change, type Refusal } from './authority.ts'
import { type Database, type Queryable, transaction } from './client.ts'
import { ago, now } from './clock.ts'
import { digest } from './digest.ts'
import { recordEvent } from './events.ts'
import { tokens, users } from './schema.ts'

export type TokenRecord = Awaited<ReturnType<typeof listTokens>>[number]

const isLive = or(isNull(tokens.expiresAt), gt(tokens.expiresAt, now))

/** How exact "last used" is: a token is written at most this often. */
const LAST_USED_PRECISION_MS = 60_000
const isDue = or(isNull(tokens.lastUsedAt), lte(tokens.lastUsedAt, ago(LAST_USED_PRECISION_MS)))

const profile = {
  id: tokens.id,
  name: tokens.name,
  createdAt: tokens.createdAt,
  expiresAt: tokens.expiresAt,
  lastUsedAt: tokens.lastUsedAt,
}

/** @returns undefined where the token is unknown, ended or expired, or its owner disabled */
export async function findActorByToken(db: Queryable, secret: string): Promise<Actor | undefined> {
  const [found] = await db
    .select({
      tokenId: tokens.id,
      isStale: sql<number>`${isDue}`,
      id: users.id,
      username: users.username,
      role: users.role,
      createdAt: users.createdAt,
    })
    .from(tokens)
    .innerJoin(users, eq(users.id, tokens.userId))
    .where(and(eq(tokens.digest, digest(secret)), isLive, eq(users.disabled, false)))
  if (!found) return undefined
  const { tokenId, isStale, ...user } = found
  return { ...user, credential: { kind: 'token', id: tokenId, isStale: isStale === 1 } }
}

/** Makes a token that acts as its owner: the actor. */
export function createToken(
  db: Database,
  { actor, origin }: Omit<Change, 'userId'>,
  { secret, name, expiresAt }: { secret: string; name: string; expiresAt?: Date | undefined },
): Promise<TokenRecord | Refusal> {
  const userId = actor.id
  return transaction(db, async (tx) => {
    const { refusal } = await authorize(tx, { actor, userId }, 'own-or-admin')
    if (refusal) return refusal
    const [{ insertId: tokenId }] = await tx
      .insert(tokens)
      .values({ userId, digest: digest(secret), name, expiresAt })
    const [made] = await tx.select(profile).from(tokens).where(eq(tokens.id, tokenId))
    await recordEvent(tx, origin, { type: 'token_created', userId, detail: { tokenId } })
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
        isLive,
        before === undefined ? undefined : lt(tokens.id, before),
      ),
    )
    .orderBy(desc(tokens.id))
    .limit(limit)
}

/**
 * Ends one of the actor's own tokens.
 *
 * @returns `not-found` also where the token is another user's
 */
export function endToken(
  db: Database,
  { actor, origin }: Omit<Change, 'userId'>,
  tokenId: number,
): Promise<'done' | Refusal> {
  const userId = actor.id
  return transaction(db, async (tx) => {
    const { refusal } = await authorize(tx, { actor, userId }, 'own-or-admin')
    if (refusal) return refusal
    const [{ affectedRows }] = await tx
      .delete(tokens)
      .where(and(eq(tokens.id, tokenId), eq(tokens.userId, userId)))
    if (affectedRows === 0) return 'not-found'
    await recordEvent(tx, origin, { type: 'token_ended', userId, detail: { tokenId } })
    return 'done'
  })
}

/**
 * Ends all tokens of a user, as part of something else.
 *
 * @returns how many there were
 */
export async function dropTokens(tx: Queryable, userId: number): Promise<number> {
  const [{ affectedRows }] = await tx.delete(tokens).where(eq(tokens.userId, userId))
  return affectedRows
}

/** Notes that these tokens were used just now. */
export async function touchTokens(db: Queryable, ids: number[]): Promise<void> {
  await db
    .update(tokens)
    .set({ lastUsedAt: now })
    .where(and(inArray(tokens.id, ids), isDue)) // another process may have been first
}
