import { eq, type SQL, sql } from 'drizzle-orm'
import type { MySqlTable } from 'drizzle-orm/mysql-core'
import type { Database, Queryable } from '../client.ts'
import { ago, now } from '../clock.ts'
import { withLease } from '../lease.ts'
import {
  endedAccess,
  events,
  idempotentResponses,
  loginFailures,
  sessions,
  tokens,
  usedCookies,
  users,
} from '../schema.ts'
import type { SessionLimits } from './live-sessions.ts'

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
 * @returns the number of deleted rows, or undefined if another process sweeps
 */
export function sweep(
  db: Database,
  { idleMs, eventsMs }: Retention,
  signal?: AbortSignal,
): Promise<number | undefined> {
  return withLease(db, 'sweep', async (lost) => {
    const stop = AbortSignal.any([lost, ...(signal ? [signal] : [])])
    let swept = await sweepEndedAccess(db, stop)
    const expired: ExpiredRows[] = [
      {
        table: sessions,
        index: 'sessions_expires_at',
        where: (of) => sql`${of}.expires_at <= ${now}`,
      },
      {
        table: sessions,
        index: 'sessions_last_seen_at',
        where: (of) => sql`${of}.last_seen_at <= ${ago(idleMs)}`,
      },
      { table: tokens, index: 'tokens_expires_at', where: (of) => sql`${of}.expires_at <= ${now}` },
      { table: events, index: 'events_at', where: (of) => sql`${of}.at <= ${ago(eventsMs)}` },
      {
        table: loginFailures,
        key: 'key',
        index: 'login_failures_last_at',
        where: (of) => sql`${of}.last_at <= ${ago(LOGIN_FAILURES_KEPT_MS)}`,
      },
      {
        table: usedCookies,
        key: 'digest',
        index: 'used_cookies_expires_at',
        where: (of) => sql`${of}.expires_at <= ${now}`,
      },
      {
        table: idempotentResponses,
        index: 'idempotent_responses_expires_at',
        where: (of) => sql`${of}.expires_at <= ${now}`,
      },
    ]
    for (const rows of expired) {
      const deleted = await deleteAll(db, rows, stop)
      if (deleted > 0 && rows.table === sessions) db.observer.onSessionsExpired?.(deleted)
      swept += deleted
    }
    return swept
  })
}

/**
 * Deletes the sessions and tokens of lower epochs of accounts whose access ended, and all of deleted
 * accounts. Ids of accounts are not used again.
 */
async function sweepEndedAccess(connection: Queryable, signal: AbortSignal) {
  let swept = 0
  const ended = await connection.select().from(endedAccess).orderBy(endedAccess.id)
  for (const { id, userId } of ended) {
    const [owner] = await connection
      .select({ sessionEpoch: users.sessionEpoch, tokenEpoch: users.tokenEpoch })
      .from(users)
      .where(eq(users.id, userId))
    for (const { epoch, ...rows } of [
      { table: sessions, index: 'sessions_user_epoch', epoch: owner?.sessionEpoch },
      { table: tokens, index: 'tokens_user_epoch', epoch: owner?.tokenEpoch },
    ]) {
      const where = (of: SQL) => {
        const isOld = epoch === undefined ? sql`` : sql`AND ${of}.epoch < ${epoch}`
        return sql`${of}.user_id = ${userId} ${isOld}`
      }
      swept += await deleteAll(connection, { ...rows, where }, signal)
    }
    if (signal.aborted) return swept
    await connection.delete(endedAccess).where(eq(endedAccess.id, id))
  }
  return swept
}

interface ExpiredRows {
  table: MySqlTable
  /** The column of the primary key. */
  key?: string
  /** Finds the rows, whatever the statistics. */
  index: string
  /** @param of the name of the table */
  where: (of: SQL) => SQL
}

/** No form of DELETE takes both a hint and a limit, so the rows are found by a SELECT. */
async function deleteAll(
  connection: Queryable,
  { table, key = 'id', index, where }: ExpiredRows,
  signal: AbortSignal,
) {
  const [doomed, found, column] = [sql`doomed`, sql`found`, sql.identifier(key)]
  // `SELECT *` keeps the index from covering the query. With the statistics of an empty table, MySQL
  // scans a covering index instead of reading a range of it.
  const batch = sql`DELETE ${doomed} FROM (
      SELECT * FROM ${table} AS ${found} FORCE INDEX (${sql.identifier(index)})
      WHERE ${where(found)} LIMIT ${BATCH_ROWS}
    ) AS ${found} STRAIGHT_JOIN ${table} AS ${doomed} FORCE INDEX (PRIMARY)
    ON ${doomed}.${column} = ${found}.${column} WHERE ${where(doomed)}`
  for (let swept = 0; ; ) {
    if (signal.aborted) return swept
    const [{ affectedRows }] = await connection.execute(batch)
    swept += affectedRows
    if (affectedRows < BATCH_ROWS) return swept
  }
}
