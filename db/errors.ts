import { DrizzleQueryError } from 'drizzle-orm/errors'
import { OperationError } from './connections/errors.ts'
import { LookupError } from './lookups/batch.ts'

/** The parts of a database error that may be logged. Its message and its `sql` hold parameters. */
export interface DatabaseFault {
  code: string
  errno: number | undefined
  /** SQLSTATE (ISO 9075), if the server sent the error. */
  sqlState: string | undefined
}

const DUPLICATE_KEY = 1062
/** An unknown column or table. */
const SCHEMA_FAULTS = [1054, 1146]

/**
 * Classes of SQLSTATE that only a wrong statement or a wrong value of ours causes: cardinality,
 * data exception, integrity constraint, and feature not supported.
 */
const CLASSES_OF_BUGS = new Set(['21', '22', '23', '0A'])
/** Errors of statements that have a general SQLSTATE. */
const BUGS = new Set([
  1064, // syntax error
  1149, // syntax error
  1364, // no default value
  1399, // not allowed in this state of an XA transaction
  1400, // the same
])

/** What an operator can do, by error number of the server or by code. */
const ADVICE: [about: (number | string)[], advice: string][] = [
  [
    [1044, 1045, 1698],
    'The database refuses the user of DATABASE_URL: check its name, its password and its host.',
  ],
  [
    [1142, 1143, 1227, 1370, 8121],
    'The user of DATABASE_URL lacks a privilege: docs/operations.md lists the grants.',
  ],
  [
    [1040, 1203, 1226],
    'The database has too many connections: raise max_connections, or run fewer processes.',
  ],
  [
    [
      3, // error writing a file
      28, // no space on the device
      1021, // disk full
      1114, // table full
    ],
    'The database has no space left: free some on its disk, or enlarge the tablespace.',
  ],
  [[1037, 1038, 1041], 'The database is out of memory: give it more, or lower what it uses.'],
  [
    [1053, 1927, 'CONNECTION_LOST', 'ECONNRESET', 'EPIPE', 'PROTOCOL_CONNECTION_LOST'],
    'The database closed the connection: check whether it was restarted.',
  ],
  [
    [1290, 1792, 1836, 1223, 3032, 'SERVER_READ_ONLY'],
    'The database is read-only: changes are refused until it accepts writes again.',
  ],
  [
    [1049, ...SCHEMA_FAULTS],
    'The database or its schema is missing or older than this version: run `gatehouse migrate`.',
  ],
  [
    [1047],
    'The node is not ready: check that it runs in the primary component of the Galera cluster.',
  ],
  [
    [3098],
    'Group replication refuses changes of the table: docs/scaling.md says which mode it needs.',
  ],
  [
    [3796, 3797],
    'The server is not in its group: check performance_schema.replication_group_members.',
  ],
  [
    ['STALE_READS'],
    'The server cannot wait for what was committed on others. If it is of a group, check that it is online there. DATABASE_READ_HOSTS and DATABASE_CONSISTENCY=wait need an engine that can, see docs/scaling.md.',
  ],
  [
    [1205, 1213, 3101, 8002, 8022, 8028, 9007],
    'Transactions wait for each other: look for a long transaction on the database server.',
  ],
  [
    ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOENT', 'ENOTFOUND', 'EAI_AGAIN'],
    'The database cannot be reached: check that it runs, and the host and port of DATABASE_URL.',
  ],
  [
    ['DATABASE_TIMEOUT', 'LOOKUP_TIMEOUT', 'ETIMEDOUT'],
    'The database did not respond in time: check its load, its locks and the network.',
  ],
  [
    ['POOL_QUEUE_FULL', 'LOOKUP_QUEUE_FULL'],
    'More requests wait for the database than it can serve: check its load.',
  ],
  [
    ['OUTCOME_UNKNOWN'],
    'The connection was lost during a COMMIT: the change may or may not have been made.',
  ],
]

/**
 * Recognises an error of the database or its driver, wrapped by Drizzle or not.
 *
 * @returns the parts that may be logged, or undefined for any other error
 */
export function databaseFault(error: unknown): DatabaseFault | undefined {
  const cause = causeOf(error)
  if (!(cause instanceof Error)) return undefined
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.name
  const errno = 'errno' in cause && typeof cause.errno === 'number' ? cause.errno : undefined
  const sqlState =
    'sqlState' in cause && typeof cause.sqlState === 'string' ? cause.sqlState : undefined
  const isDatabaseError =
    error instanceof DrizzleQueryError ||
    cause instanceof OperationError ||
    cause instanceof LookupError ||
    sqlState !== undefined ||
    'fatal' in cause
  return isDatabaseError ? { code, errno, sqlState } : undefined
}

/** @returns the error that Drizzle has wrapped: its own message holds the query's parameters */
export function causeOf(error: unknown): unknown {
  return error instanceof DrizzleQueryError ? error.cause : error
}

/** @returns whether our own code is wrong, so that the response is 500, not 503 */
export function isBug({ errno, sqlState }: DatabaseFault): boolean {
  return (
    (errno !== undefined && BUGS.has(errno)) || CLASSES_OF_BUGS.has(sqlState?.slice(0, 2) ?? '')
  )
}

/** @returns one sentence for the operator, if the cause is known */
export function adviceFor({ code, errno }: DatabaseFault): string | undefined {
  return ADVICE.find(
    ([about]) => about.includes(code) || (errno !== undefined && about.includes(errno)),
  )?.[1]
}

/** @returns whether the database lacks a table or a column that a statement names */
export function isSchemaFault(error: unknown): boolean {
  return SCHEMA_FAULTS.includes(databaseFault(error)?.errno ?? 0)
}

export function isDuplicateKey(error: unknown): boolean {
  return databaseFault(error)?.errno === DUPLICATE_KEY
}
