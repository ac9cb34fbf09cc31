import { DrizzleQueryError } from 'drizzle-orm/errors'
import { LookupError } from './lookups/batch.ts'

/** The parts of a database error that may be logged. Its message and its `sql` hold parameters. */
export interface DatabaseFault {
  code: string
  errno: number | undefined
}

const DUPLICATE_KEY = 1062

/** Server errors that end by themselves or by an operator's action. */
const TRANSIENT_ERRNOS = new Set([
  1040, // too many connections
  1053, // server shutdown in progress
  1054, // unknown column: the schema is behind
  1146, // unknown table: the schema is behind
  1203, // too many connections of this user
  1205, // lock wait timeout
  1213, // deadlock, after its retries
  1290, // the server is read-only
  1317, // query interrupted
  1836, // read-only mode
  1927, // connection killed
])

/** Errors of Node and mysql2: the server cannot be reached, or the connection is lost. */
const TRANSIENT_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
  'LOOKUP_QUEUE_FULL',
  'LOOKUP_TIMEOUT',
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_SEQUENCE_TIMEOUT',
])

/** Errors of mysql2 without a code. */
const TRANSIENT_MESSAGES = new Set([
  'Pool is closed.',
  'Queue limit reached.',
  "Can't add new command when connection is in closed state",
])

/**
 * Recognises an error of the database or its driver, wrapped by Drizzle or not.
 *
 * @returns the parts that may be logged, or undefined for any other error
 */
export function databaseFault(error: unknown): DatabaseFault | undefined {
  const cause = error instanceof DrizzleQueryError ? error.cause : error
  if (!(cause instanceof Error)) return undefined
  if (TRANSIENT_MESSAGES.has(cause.message)) return { code: 'POOL_UNAVAILABLE', errno: undefined }
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined
  const errno = 'errno' in cause && typeof cause.errno === 'number' ? cause.errno : undefined
  const isDatabaseError =
    error instanceof DrizzleQueryError ||
    cause instanceof LookupError ||
    'sqlState' in cause ||
    'fatal' in cause
  return isDatabaseError ? { code: code ?? cause.name, errno } : undefined
}

/** @returns whether the same request may succeed later, so that the response is 503, not 500 */
export function isTransient(fault: DatabaseFault): boolean {
  return (
    fault.code === 'POOL_UNAVAILABLE' ||
    TRANSIENT_CODES.has(fault.code) ||
    (fault.errno !== undefined && TRANSIENT_ERRNOS.has(fault.errno))
  )
}

export function isDuplicateKey(error: unknown): boolean {
  return databaseFault(error)?.errno === DUPLICATE_KEY
}
