import { setTimeout as sleep } from 'node:timers/promises'
import type { DatabaseConnection } from './connections/connection.ts'
import { isRefusal } from './connections/errors.ts'
import type { ConnectionPool } from './connections/pool.ts'
import type { TimeLimit } from './connections/time-limit.ts'
import { causeOf, databaseFault } from './errors.ts'

/** Errors after which nothing has been done, and the same work can succeed. */
const CONFLICTS = new Set([
  1205, // lock timeout: undoes the statement
  1213, // deadlock, also found by Galera at the commit: undoes the transaction
  3101, // a conflict that group replication found at the commit
  8002, // TiDB: another transaction has written a row that this one locks
  8022, // TiDB: a conflict at the commit
  8028, // TiDB: another connection has changed the schema
  9007, // TiDB: another transaction has written the same row
])
/** TiDB's number for all errors that have none of their own. */
export const WITHOUT_NUMBER = 1105
/** TiDB: others changed a row before each of many attempts to lock it, or held it for too long. */
const LOCK_NOT_HAD = /pessimistic lock retry limit reached|lock wait timeout/
/** Error during COMMIT. Its text has the number of the storage engine's error. */
const DURING_COMMIT = 1180
/** A deadlock: group replication gives it to a transaction that another member's change has undone. */
const ENGINE_DEADLOCK = /\b149\b/
const MAX_ATTEMPTS = 10
const LONGEST_PAUSE_MS = 50

/**
 * Runs work on a connection, and again after a conflict with others or when a server has refused it,
 * so it must have no effect outside the database. A refusal makes the pool connect to another
 * server, if there is one.
 *
 * @param limit for all attempts together
 * @throws OperationError, or what connecting or the last attempt throws
 */
export async function useWithRetries<T>(
  pool: ConnectionPool,
  limit: TimeLimit,
  work: (connection: DatabaseConnection) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await pool.use(limit, work)
    } catch (error) {
      const mayRetry = isConflict(error) || (pool.hasOtherServers && isRefused(error))
      if (attempt === MAX_ATTEMPTS || !mayRetry) throw error
      await sleep(Math.random() * LONGEST_PAUSE_MS)
    }
  }
}

/** @returns whether nothing has been done, and the same work can succeed */
export function isConflict(error: unknown): boolean {
  const errno = databaseFault(error)?.errno ?? 0
  const cause = causeOf(error)
  if (CONFLICTS.has(errno) || !(cause instanceof Error)) return CONFLICTS.has(errno)
  if (errno === WITHOUT_NUMBER) return LOCK_NOT_HAD.test(cause.message)
  return errno === DURING_COMMIT && ENGINE_DEADLOCK.test(cause.message)
}

function isRefused(error: unknown): boolean {
  return isRefusal(causeOf(error))
}
