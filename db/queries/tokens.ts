import { and, desc, eq, inArray, isNull, lt, lte, or, sql } from 'drizzle-orm'
import { type Database, onlyRow, type Queryable } from '../client.ts'
import { ago, now } from '../clock.ts'
import { digest } from '../digest.ts'
import { tokens, users } from '../schema.ts'
import { transaction } from '../transaction.ts'
import type { Owner } from './access.ts'
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
  scopes: tokens.scopes,
  createdAt: tokens.createdAt,
  expiresAt: tokens.expiresAt,
  lastUsedAt: tokens.lastUsedAt,
}

export interface NewToken {
  secret: string
  name: string
  /** What the token may do. Without it, all that its owner may. */
  scopes?: readonly string[] | undefined
  expiresAt?: string | undefined
}

export interface TokenRules {
  /** How many tokens that have not expired the account may have. */
  maxTokens: number
  /** Whether the account must be a service account. */
  onlyForServices?: boolean
}

/**
 * Creates a token that acts as the account.
 */
export function create(
  db: Database,
  change: Change,
  { secret, name, scopes, expiresAt }: NewToken,
  { maxTokens, onlyForServices = false }: TokenRules,
): Promise<
  | { ok: true; token: TokenRecord }
  | Refused
  | Refused<'token-limit' | 'not-a-service' | 'account-disabled'>
> {
  const { actor, origin, userId } = change
  return transaction(db, async (tx) => {
    const permission = await authorize(tx, change, 'own-or-admin')
    if (!permission.ok) return permission
    // Enabling the account must not revive a token.
    if (permission.account.disabled) return refused('account-disabled')
    if (onlyForServices && permission.account.kind !== 'service') return refused('not-a-service')
    // The account's row is locked: concurrent requests are counted one after the other.
    const { tokenEpoch: epoch } = permission.account
    if (await hasTokens(tx, permission.account, maxTokens)) return refused('token-limit')
    const [{ insertId: tokenId }] = await tx
      .insert(tokens)
      .values({ userId, epoch, digest: digest(secret), name, scopes, expiresAt })
    const token = onlyRow(await tx.select(profile).from(tokens).where(eq(tokens.id, tokenId)))
    const who = { actorId: actor.id, userId }
    await recordEvent(tx, origin, {
      type: 'token_created',
      ...who,
      detail: { tokenId, ...(scopes && { scopes: scopes.join(' ') }) },
    })
    return { ok: true, token }
  })
}

/** Whether an account has at least this many tokens that have not expired. */
async function hasTokens(tx: Queryable, { id, tokenEpoch }: Owner, count: number) {
  const found = await tx
    .select({ id: tokens.id })
    .from(tokens, { forceIndex: 'tokens_user_epoch' })
    .where(and(eq(tokens.userId, id), eq(tokens.epoch, tokenEpoch), isUnexpired))
    .limit(count)
  return found.length === count
}

/** @returns at most `limit` tokens of the user, newest first, with ids below `before` */
export function list(
  db: Queryable,
  userId: number,
  { before, limit }: { before?: number | undefined; limit: number },
) {
  return db
    .select(profile)
    .from(tokens, { forceIndex: 'tokens_user_epoch' })
    .innerJoin(users, and(eq(users.id, tokens.userId), eq(users.tokenEpoch, tokens.epoch)))
    .where(
      and(
        eq(users.id, userId),
        isUnexpired,
        before === undefined ? undefined : lt(tokens.id, before),
      ),
    )
    .orderBy(desc(tokens.id))
    .limit(limit)
}

/** @returns the id of the account that has the token, even if it has ended and its row remains */
export async function findUserId(db: Queryable, tokenId: number): Promise<number | undefined> {
  const [found] = await db
    .select({ userId: tokens.userId })
    .from(tokens)
    .where(eq(tokens.id, tokenId))
  return found?.userId
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
      .where(
        and(
          eq(tokens.id, tokenId),
          eq(tokens.userId, userId),
          eq(tokens.epoch, permission.account.tokenEpoch),
        ),
      )
    if (affectedRows === 0) return refused('not-found')
    const who = { actorId: actor.id, userId }
    await recordEvent(tx, origin, { type: 'token_ended', ...who, detail: { tokenId } })
    return { ok: true }
  })
}

/** Stores that these tokens were used now. */
export async function touch(db: Queryable, ids: number[]): Promise<void> {
  await db.execute(sql`UPDATE ${tokens} FORCE INDEX (PRIMARY) SET ${tokens.lastUsedAt} = ${now}
    WHERE ${inArray(tokens.id, ids)} AND (${isDue})`) // another process may have written it
}
