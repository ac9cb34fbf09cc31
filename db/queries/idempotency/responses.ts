import { and, eq, inArray, lte, sql } from 'drizzle-orm'
import type { Queryable } from '../../client.ts'
import { ahead, now } from '../../clock.ts'
import { isDuplicateKey } from '../../errors.ts'
import { idempotentResponses } from '../../schema.ts'

export interface IdempotentResponse {
  /** 32 bytes, as the fingerprint. */
  id: Buffer
  fingerprint: Buffer
  /** Encrypted. */
  response: Buffer
}

/**
 * Finds a record that has not expired. Expired ones with these ids are deleted, so that they do not block
 * an insert.
 *
 * @param ids of one request: several only while the secrets change
 */
export async function find(db: Queryable, ids: Buffer[]): Promise<IdempotentResponse | undefined> {
  const { id, fingerprint, response, expiresAt } = idempotentResponses
  const isExpired = sql<number>`${lte(expiresAt, now)}`
  const found = await db
    .select({ id, fingerprint, response, isExpired })
    .from(idempotentResponses, { forceIndex: 'PRIMARY' })
    .where(inArray(id, ids))
  for (const record of found) {
    if (!record.isExpired) return record
    await db.delete(idempotentResponses).where(and(eq(id, record.id), lte(expiresAt, now)))
  }
  return undefined
}

/**
 * Inserts a record, after waiting for another transaction that inserts the same.
 *
 * @param retentionMs how long it counts
 * @returns false if there is one with this id, so that the caller's transaction must be rolled back
 */
export async function insert(
  tx: Queryable,
  record: IdempotentResponse,
  retentionMs: number,
): Promise<boolean> {
  try {
    await tx.insert(idempotentResponses).values({ ...record, expiresAt: ahead(retentionMs) })
    return true
  } catch (error) {
    if (isDuplicateKey(error)) return false
    throw error
  }
}
