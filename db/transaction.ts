import { type Database, joined, type Queryable } from './client.ts'
import { isConflict, useWithRetries, WITHOUT_NUMBER } from './conflicts.ts'
import type { DatabaseConnection } from './connections/connection.ts'
import { OperationError } from './connections/errors.ts'
import { databaseFault } from './errors.ts'
import { beginNotes, takeNotes } from './observer.ts'

/** Errors of the server after which a `COMMIT` may have taken effect or not. */
const UNCLEAR_ANSWERS = new Set([
  1047, // a Galera node that has lost the others
  1053, // server shutdown in progress
  WITHOUT_NUMBER, // TiDB: anything, unless it is a conflict
  1180, // error during COMMIT, unless it is a conflict
  1317, // query interrupted
  1927, // connection killed
  3100, // a member has lost its group; the others may have the change
])
/** The numbers of TiDB's own errors. At a `COMMIT`, only a conflict says that nothing was done. */
const FIRST_OF_TIDB = 8_000

/** The last statements of transactions that others have joined. */
const endings = new WeakMap<Queryable, (() => Promise<void>)[]>()

/**
 * Runs `work` as the last statements of a transaction: those that hold a lock for which all others wait. In a
 * transaction that others have joined, they follow what these run.
 */
export async function atEnd(tx: Queryable, work: () => Promise<void>): Promise<void> {
  const ending = endings.get(tx)
  if (ending) ending.push(work)
  else await work()
}

/**
 * Runs `work` in one transaction, which each `transaction` on the database that it receives joins.
 * Everything that `transaction` says of `work` applies to this one too.
 *
 * @throws what `transaction` throws
 */
export async function inOneTransaction<T>(
  db: Database,
  work: (db: Database) => Promise<T>,
): Promise<T> {
  return await useWithRetries(db.pool, db.nextLimit(), (connection) =>
    runOnce(connection, db, async (tx) => {
      const ending: (() => Promise<void>)[] = []
      endings.set(tx, ending)
      let result: T
      try {
        result = await work(joined(db, connection))
      } finally {
        endings.delete(tx)
      }
      for (const run of ending) await run()
      return result
    }),
  )
}

/**
 * Runs `work` in a transaction: committed when it resolves, rolled back when it rejects, when the
 * time limit has passed, or when the client is gone. After a conflict with another transaction
 * `work` runs again, so it must have no effect outside the database.
 *
 * A database that takes part in an open transaction runs `work` in that one, which commits or repeats it.
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
  if (db.open) return await work(db.open)
  return await useWithRetries(db.pool, db.nextLimit(), (connection) =>
    runOnce(connection, db, work),
  )
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
    throw failureOfCommit(error)
  }
}

/** @returns the same error if nothing was done, otherwise OperationError `OUTCOME_UNKNOWN` */
export function failureOfCommit(error: unknown): unknown {
  if (isConflict(error)) return error
  const { errno = 0, sqlState } = databaseFault(error) ?? {}
  const isUnclear = UNCLEAR_ANSWERS.has(errno) || errno >= FIRST_OF_TIDB
  // Only an answer of the server has an SQLSTATE. Errors of the socket have a number too.
  if (sqlState && !isUnclear) return error
  return new OperationError('OUTCOME_UNKNOWN', { cause: error })
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
