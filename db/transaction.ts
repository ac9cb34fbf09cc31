import { setTimeout as sleep } from 'node:timers/promises'
import type { Database, Queryable } from './client.ts'
import type { DatabaseConnection } from './connections/connection.ts'
import { OperationError } from './connections/errors.ts'
import { databaseFault } from './errors.ts'
import { beginNotes, takeNotes } from './observer.ts'

/** A lock timeout, which undoes the statement, and a deadlock, which undoes the transaction. */
const CONFLICTS = new Set([1205, 1213])
const MAX_ATTEMPTS = 3
const LONGEST_PAUSE_MS = 50

/** Errors of the server after which a `COMMIT` may have taken effect or not. */
const UNCLEAR_ANSWERS = new Set([
  1053, // server shutdown in progress
  1180, // error during COMMIT
  1317, // query interrupted
  1927, // connection killed
])

/**
 * Runs `work` in a transaction: committed when it resolves, rolled back when it rejects, when the
 * time limit has passed, or when the client is gone. After a deadlock or a lock timeout `work` runs
 * again, so it must have no effect outside the database.
 *
 * Drizzle's own `transaction` never returns the connection to the pool when `begin` fails, and a
 * failing `rollback` hides the first error.
 *
 * @throws OperationError, an error of the database, or what `work` throws. After `OUTCOME_UNKNOWN`
 *   the change may have been made; after any other error it has not
 */
export async function transaction<T>(
  db: Database,
  work: (tx: Queryable) => Promise<T>,
): Promise<T> {
  const limit = db.nextLimit()
  for (let attempt = 1; ; attempt++) {
    try {
      return await db.pool.use(limit, (connection) => runOnce(connection, db, work))
    } catch (error) {
      const errno = databaseFault(error)?.errno
      if (attempt === MAX_ATTEMPTS || errno === undefined || !CONFLICTS.has(errno)) throw error
      await sleep(Math.random() * LONGEST_PAUSE_MS)
    }
  }
}

async function runOnce<T>(
  connection: DatabaseConnection,
  { signal, observer }: Database,
  work: (tx: Queryable) => Promise<T>,
): Promise<T> {
  try {
    throwIfGone(signal)
    await connection.query({ sql: 'BEGIN' })
    if (observer.onCommit) beginNotes(connection.queries)
    const result = await work(connection.queries)
    throwIfGone(signal)
    await commit(connection)
    observer.onCommit?.(takeNotes(connection.queries))
    return result
  } catch (error) {
    await rollBack(connection)
    throw error
  }
}

function throwIfGone(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new OperationError('CLIENT_GONE')
}

async function commit(connection: DatabaseConnection): Promise<void> {
  connection.throwIfLost()
  try {
    await connection.query({ sql: 'COMMIT' })
  } catch (error) {
    const fault = databaseFault(error)
    // Only an answer of the server has an SQLSTATE. Errors of the socket have a number too.
    if (fault?.sqlState && !UNCLEAR_ANSWERS.has(fault.errno ?? 0)) throw error
    throw new OperationError('OUTCOME_UNKNOWN', { cause: error })
  }
}

/** The first error is the one to report, so a failure here only gives the connection up. */
async function rollBack(connection: DatabaseConnection): Promise<void> {
  if (connection.isLost) return
  try {
    await connection.query({ sql: 'ROLLBACK' })
  } catch {
    connection.destroy('CONNECTION_LOST')
  }
}
