import { type SQL, sql } from 'drizzle-orm'
import { type Database, onOneConnection, type Queryable } from '../client.ts'
import { ago, now } from '../clock.ts'
import { takeLock } from '../named-lock.ts'
import { events, loginFailures, sessions, tokens } from '../schema.ts'
import type { SessionLimits } from './sessions.ts'

/** Small, so that a batch holds its locks for a few milliseconds only. */
const BATCH_ROWS = 500
const LOGIN_FAILURES_KEPT_MS = 24 * 60 * 60 * 1_000

export interface Retention extends Pick<SessionLimits, 'idleMs'> {
  /** How long events are kept, in ms. */
  eventsMs: number
}

/**
 * Deletes expired rows. One process at a time sweeps; a second one returns at once.
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
    let swept = 0
    for (const statement of [
      sql`DELETE FROM ${sessions} WHERE expires_at <= ${now} LIMIT ${BATCH_ROWS}`,
      sql`DELETE FROM ${sessions} WHERE last_seen_at <= ${ago(idleMs)} LIMIT ${BATCH_ROWS}`,
      sql`DELETE FROM ${tokens} WHERE expires_at <= ${now} LIMIT ${BATCH_ROWS}`,
      sql`DELETE FROM ${events} WHERE at <= ${ago(eventsMs)} LIMIT ${BATCH_ROWS}`,
      sql`DELETE FROM ${loginFailures}
           WHERE last_at <= ${ago(LOGIN_FAILURES_KEPT_MS)} LIMIT ${BATCH_ROWS}`,
    ]) {
      swept += await deleteAll(connection, statement, signal)
    }
    return swept
  })
}

async function deleteAll(connection: Queryable, statement: SQL, signal: AbortSignal | undefined) {
  for (let swept = 0; ; ) {
    if (signal?.aborted) return swept
    const [{ affectedRows }] = await connection.execute(statement)
    swept += affectedRows
    if (affectedRows < BATCH_ROWS) return swept
  }
}
