import { type SQL, sql } from 'drizzle-orm'
import { type Database, readColumn } from '../client.ts'
import type { ConnectionPool } from '../connections/pool.ts'
import type { SessionLimits } from '../queries/live-sessions.ts'
import { type AccountKind, type Role, sessions, tokens, users } from '../schema.ts'
import { BatchQueue, type Pending } from './batch.ts'
import { INSPECTION_LIMITS } from './limits.ts'
import { credentialSql, digestList, SEPARATOR, scopesOf, toText } from './statements.ts'

/** A credential by the SHA-256 of its secret, in upper-case hex. */
export type InspectedCredential =
  | { session: string; token?: never }
  | { token: string; session?: never }

/** A live credential and its owner. */
export interface Inspection {
  kind: 'session' | 'token'
  /** The id of the session or token. */
  id: number
  /** Whether the stored last use must be written. */
  isStale: boolean
  userId: number
  username: string
  role: Role
  accountKind: AccountKind
  /** Undefined for all that the owner may. */
  scopes: string[] | undefined
  /** Addresses and CIDRs that the token may come from, separated by spaces; undefined for any. */
  addressRanges: string | undefined
  /** In s since 1970. */
  createdAt: number
  /** In s since 1970; undefined if it does not expire. */
  expiresAt: number | undefined
}

/** The credentials of one request. */
type Credentials = readonly (InspectedCredential | undefined)[]
type Found = (Inspection | undefined)[]
type Batch = readonly Pending<Credentials, Found>[]

/** How many connections the inspections need: the last one replaces one that is given up. */
export const INSPECTION_CONNECTIONS = INSPECTION_LIMITS.maxRunning + 1

/** Finds the credentials that other services send, for all requests of one iteration by one query. */
export class Inspections {
  /** The connections that it uses. */
  readonly pool: ConnectionPool
  readonly #queue: BatchQueue<Credentials, Found>

  /** @param db a pool of INSPECTION_CONNECTIONS that nothing else uses, so that it delays no guard */
  constructor(db: Database, limits: SessionLimits) {
    this.pool = db.pool
    const statements = createStatements(limits)
    const run = async (batch: Batch) => {
      resolveBatch(batch, await readColumn(db, queryFor(batch, statements)))
    }
    this.#queue = new BatchQueue(INSPECTION_LIMITS, run, ({ length }) => length)
  }

  /** To be observed. */
  get queue() {
    return this.#queue
  }

  /**
   * Finds all credentials by the same query.
   *
   * @param credentials undefined for one that cannot exist
   * @param cause the request that sent them
   * @returns in the same order: undefined if the credential is unknown or has ended, or its owner is
   *   disabled or deleted
   * @throws LookupError, or an error of the database
   */
  find(credentials: Credentials, cause?: object): Promise<Found> {
    const areAllUnknown = credentials.every((credential) => credential === undefined)
    if (areAllUnknown) return Promise.resolve(credentials.map(() => undefined))
    return this.#queue.load(credentials, cause)
  }
}

function createStatements(limits: SessionLimits) {
  const select = (
    kind: 'session' | 'token',
    { expiresAt, more }: { expiresAt: SQL; more: SQL },
  ) => {
    const { table, isDue, from, where } = credentialSql(kind, limits)
    return toText(sql`SELECT CONCAT_WS(${SEPARATOR}, ${kind}, HEX(${table.digest}), ${table.id}, ${isDue},
        ${secondsOf(sql`${table.createdAt}`)}, COALESCE(${secondsOf(expiresAt)}, ''), ${more},
        ${users.id}, ${users.username}, ${users.role}, ${users.kind})
      ${from} ${where}`)
  }
  // A session ends at the earlier of the two limits.
  const idleEnd = sql`${sessions.lastSeenAt} + INTERVAL ${limits.idleMs * 1_000} MICROSECOND`
  return {
    session: select('session', {
      expiresAt: sql`LEAST(${sessions.expiresAt}, ${idleEnd})`,
      more: sql`'', ''`,
    }),
    token: select('token', {
      expiresAt: sql`${tokens.expiresAt}`,
      more: sql`COALESCE(${tokens.scopes}, ''), COALESCE(${users.addressRanges}, '')`,
    }),
  }
}

/** `UNIX_TIMESTAMP` ends in 2038 on MariaDB. */
function secondsOf(timestamp: SQL): SQL {
  return sql`TIMESTAMPDIFF(SECOND, '1970-01-01', ${timestamp})`
}

function queryFor(batch: Batch, statements: ReturnType<typeof createStatements>): string {
  const digests = { session: [] as string[], token: [] as string[] }
  for (const { key } of batch) {
    for (const credential of key) {
      if (credential?.session !== undefined) digests.session.push(credential.session)
      else if (credential !== undefined) digests.token.push(credential.token)
    }
  }
  return (['session', 'token'] as const)
    .filter((kind) => digests[kind].length > 0)
    .map((kind) => statements[kind] + digestList(digests[kind]))
    .join(' UNION ALL ')
}

function resolveBatch(batch: Batch, rows: string[]): void {
  const found = { session: new Map<string, Inspection>(), token: new Map<string, Inspection>() }
  for (const row of rows) {
    const values = row.split(SEPARATOR)
    const [kind, digest = ''] = values
    if (kind === 'session' || kind === 'token') found[kind].set(digest, parse(kind, values))
  }
  const find = ({ session, token }: InspectedCredential) =>
    session === undefined ? found.token.get(token) : found.session.get(session)
  for (const { key, resolve } of batch) {
    resolve(key.map((credential) => credential && find(credential)))
  }
}

function parse(kind: 'session' | 'token', values: string[]): Inspection {
  const [, , id, isDue, createdAt, expiresAt, scopes, ranges, userId, username, role, ownerKind] =
    values
  return {
    kind,
    id: Number(id),
    isStale: isDue === '1',
    userId: Number(userId),
    username: username ?? '',
    role: role === 'admin' ? 'admin' : 'user',
    accountKind: ownerKind === 'service' ? 'service' : 'person',
    scopes: scopesOf(scopes),
    addressRanges: ranges || undefined,
    createdAt: Number(createdAt),
    expiresAt: expiresAt ? Number(expiresAt) : undefined,
  }
}
