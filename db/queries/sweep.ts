import { eq, type SQL, sql } from 'drizzle-orm'
import { type Database, onOneConnection, type Queryable } from '../client.ts'
import { ago, now } from '../clock.ts'
import { takeLock } from '../named-lock.ts'
import { endedAccess, events, loginFailures, sessions, tokens, users } from '../schema.ts'
import type { SessionLimits } from './sessions.ts'

/** Small, so that a batch holds its locks for a few milliseconds only. */
const BATCH_ROWS = 500
/** After it, a sweep goes on with a new connection. */
const MAX_RUN_MS = 1_000
/** The server releases a lock some time after its connection is closed. */
const UNLOCK_TIMEOUT_S = 1
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
export async function sweep(
  db: Database,
  retention: Retention,
  signal?: AbortSignal,
): Promise<number> {
  const runMs = Math.min(MAX_RUN_MS, db.timeoutMs / 4)
  let swept = 0
  for (let lockTimeoutS = 0; ; lockTimeoutS = UNLOCK_TIMEOUT_S) {
    const isDone = await onOneConnection(db, async (connection) => {
      if (!(await takeLock(connection, 'sweep', lockTimeoutS))) return true
      const endMs = performance.now() + runMs
      const isOver = () => signal?.aborted === true || performance.now() > endMs
      const run = { connection, isOver, swept: 0 }
      const isSwept = await sweepAll(run, retention)
      swept += run.swept
      return isSwept
    })
    if (isDone || signal?.aborted) return swept
  }
}

/** A part of a sweep, short enough for the time limit of an operation. */
interface Run {
  readonly connection: Queryable
  readonly isOver: () => boolean
  /** How many rows it has deleted. */
  swept: number
}

/** @returns whether nothing is left to delete */
async function sweepAll(run: Run, { idleMs, eventsMs }: Retention): Promise<boolean> {
  if (!(await sweepEndedAccess(run))) return false
  for (const condition of [
    sql`${sessions} WHERE expires_at <= ${now}`,
    sql`${sessions} WHERE last_seen_at <= ${ago(idleMs)}`,
    sql`${tokens} WHERE expires_at <= ${now}`,
    sql`${events} WHERE at <= ${ago(eventsMs)}`,
    sql`${loginFailures} WHERE last_at <= ${ago(LOGIN_FAILURES_KEPT_MS)}`,
  ]) {
    if (!(await deleteAll(run, condition))) return false
  }
  return true
}

/**
 * Deletes the sessions and tokens of lower epochs of accounts whose access ended, and all of deleted
 * accounts. Ids of accounts are not used again.
 */
async function sweepEndedAccess(run: Run): Promise<boolean> {
  const { connection } = run
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
      if (!(await deleteAll(run, sql`${table} WHERE user_id = ${userId} ${isOld}`))) return false
    }
    await connection.delete(endedAccess).where(eq(endedAccess.id, id))
  }
  return true
}

async function deleteAll(run: Run, condition: SQL): Promise<boolean> {
  while (!run.isOver()) {
    const statement = sql`DELETE FROM ${condition} LIMIT ${BATCH_ROWS}`
    const [{ affectedRows }] = await run.connection.execute(statement)
    run.swept += affectedRows
    if (affectedRows < BATCH_ROWS) return true
  }
  return false
}
