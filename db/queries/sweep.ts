import { eq, type SQL, sql } from 'drizzle-orm'
import { type Database, onOneConnection, type Queryable } from '../client.ts'
import { ago, now } from '../clock.ts'
import { takeLock } from '../named-lock.ts'
import { endedAccess, events, loginFailures, sessions, tokens, users } from '../schema.ts'
import type { SessionLimits } from './sessions.ts'

/** Small, so that a batch holds its locks for a few milliseconds only. */
const BATCH_ROWS = 500
const LOGIN_FAILURES_KEPT_MS = 24 * 60 * 60 * 1_000

export interface Retention extends Pick<SessionLimits, 'idleMs'> {
  /** How long events are kept, in ms. */
  eventsMs: number
}

/**
 * Deletes the rows of ended access and expired rows. One process at a time sweeps; a second one
 * returns at once.
 *
 * @param signal ends the sweep after the current batch
 * @returns the number of deleted rows
 */
export function sweep(
  db: Database,
  { idleMs, eventsMs }: Retention,
  signal?: AbortSignal,
): Promise<number> {
  return onOneConnection(db, async (connection) => {
    if (!(await takeLock(connection, 'sweep', 0))) return 0
    let swept = await sweepEndedAccess(connection, signal)
    for (const condition of [
      sql`${sessions} WHERE expires_at <= ${now}`,
      sql`${sessions} WHERE last_seen_at <= ${ago(idleMs)}`,
      sql`${tokens} WHERE expires_at <= ${now}`,
      sql`${events} WHERE at <= ${ago(eventsMs)}`,
      sql`${loginFailures} WHERE last_at <= ${ago(LOGIN_FAILURES_KEPT_MS)}`,
    ]) {
      swept += await deleteAll(connection, condition, signal)
    }
    return swept
  })
}

/**
 * Deletes the sessions and tokens of lower epochs of accounts whose access ended, and all of deleted
 * accounts. Ids of accounts are not used again.
 */
async function sweepEndedAccess(connection: Queryable, signal: AbortSignal | undefined) {
  let swept = 0
  const ended = await connection.select().from(endedAccess).orderBy(endedAccess.id)
  for (const { id, userId } of ended) {
    const [owner] = await connection
      .select({ sessionEpoch: users.sessionEpoch, tokenEpoch: users.tokenEpoch })
      .from(users)
      .where(eq(users.id, userId))
    for (const [table, epoch] of [
      [sessions, owner?.sessionEpoch],
      [tokens, owner?.tokenEpoch],
    ] as const) {
      const isOld = epoch === undefined ? sql`` : sql`AND epoch < ${epoch}`
      swept += await deleteAll(connection, sql`${table} WHERE user_id = ${userId} ${isOld}`, signal)
    }
    if (signal?.aborted) return swept
    await connection.delete(endedAccess).where(eq(endedAccess.id, id))
  }
  return swept
}

async function deleteAll(connection: Queryable, condition: SQL, signal: AbortSignal | undefined) {
  for (let swept = 0; ; ) {
    if (signal?.aborted) return swept
    const [{ affectedRows }] = await connection.execute(
      sql`DELETE FROM ${condition} LIMIT ${BATCH_ROWS}`,
    )
    swept += affectedRows
    if (affectedRows < BATCH_ROWS) return swept
  }
}
