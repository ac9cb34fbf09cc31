/**
 * - `CLIENT_GONE`: the client closed its connection, so nobody reads the response
 * - `CONNECTION_LOST`: the server or the network closed the connection
 * - `DATABASE_TIMEOUT`: the time limit of the operation has passed
 * - `OUTCOME_UNKNOWN`: the connection was lost during `COMMIT`, so the change may have been made
 * - `POOL_CLOSED`: the process is shutting down
 * - `POOL_QUEUE_FULL`: too many operations wait for a connection
 * - `SERVER_READ_ONLY`: no server takes changes, and those that answer may lack some
 * - `STALE_READS`: the server cannot wait for what was committed on others, which is required
 */
type Code =
  | 'CLIENT_GONE'
  | 'CONNECTION_LOST'
  | 'DATABASE_TIMEOUT'
  | 'OUTCOME_UNKNOWN'
  | 'POOL_CLOSED'
  | 'POOL_QUEUE_FULL'
  | 'SERVER_READ_ONLY'
  | 'STALE_READS'

const MESSAGES: Record<Code, string> = {
  CLIENT_GONE: 'the client closed its connection',
  CONNECTION_LOST: 'the connection to the database was closed',
  DATABASE_TIMEOUT: 'the database did not respond in time',
  OUTCOME_UNKNOWN: 'the connection was lost during COMMIT',
  POOL_CLOSED: 'the connections to the database are closed',
  POOL_QUEUE_FULL: 'too many operations wait for a connection',
  SERVER_READ_ONLY: 'no server takes changes',
  STALE_READS: 'the server may lack what was committed on others',
}

/** An operation that failed before the database had answered it. */
export class OperationError extends Error {
  readonly code: Code

  constructor(code: Code, options?: ErrorOptions) {
    super(MESSAGES[code], options)
    this.code = code
  }
}

/** Errors of a server that another server of the same database may not return. */
const REFUSALS = new Set([
  1047, // a Galera node that is not ready for queries
  1290, // read-only, or offline
  1792, // a read-only transaction
  1836, // read-only
  3032, // in offline mode
  3796, // has left its group, so it cannot wait for the others
  3797, // left its group while the transaction or the read waited to begin
])

/** @returns whether the server refused a statement, without effect, that another server may take */
export function isRefusal(error: unknown): boolean {
  const errno = errnoOf(error)
  return errno !== undefined && REFUSALS.has(errno)
}

/** @returns the number of an error of the server or of the socket */
export function errnoOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errno' in error)) return undefined
  return typeof error.errno === 'number' ? error.errno : undefined
}
