import { type SQL, sql } from 'drizzle-orm'
import { type Database, readColumn } from '../client.ts'
import { isUnexpired } from '../queries/authority.ts'
import { isLive, type SessionLimits } from '../queries/live-sessions.ts'
import * as sessionQueries from '../queries/sessions.ts'
import * as tokenQueries from '../queries/tokens.ts'
import { type AccountKind, type Role, sessions, tokens, users } from '../schema.ts'
import { BatchQueue, type Pending } from './batch.ts'
import { INSPECTION_LIMITS } from './limits.ts'
import { digestList, SEPARATOR, toText } from './statements.ts'

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

type Batch = readonly Pending<InspectedCredential, Inspection | undefined>[]

/** Finds the credentials that other services ask about, for all requests of one iteration by one query. */
export class Inspections {
  readonly #queue: BatchQueue<InspectedCredential, Inspection | undefined>

  /** @param db with INSPECTION_LIMITS.maxRunning connections that no guard uses */
  constructor(db: Database, limits: SessionLimits) {
    const statements = createStatements(limits)
    this.#queue = new BatchQueue(INSPECTION_LIMITS, async (batch: Batch) => {
      resolveBatch(batch, await readColumn(db, queryFor(batch, statements)))
    })
  }

  /** To be observed. */
  get queue() {
    return this.#queue
  }

  /**
   * @returns undefined if the credential is unknown or has ended, or its owner is disabled or deleted
   * @throws LookupError, or an error of the database
   */
  find(credential: InspectedCredential): Promise<Inspection | undefined> {
    return this.#queue.load(credential)
  }
}

function createStatements({ idleMs }: SessionLimits) {
  const select = (
    kind: 'session' | 'token',
    table: typeof sessions | typeof tokens,
    {
      epoch,
      isDue,
      expiresAt,
      words,
      isLive,
    }: Record<'epoch' | 'isDue' | 'words' | 'isLive' | 'expiresAt', unknown>,
  ) =>
    toText(sql`SELECT CONCAT_WS(${SEPARATOR}, ${kind}, HEX(${table.digest}), ${table.id}, ${isDue},
        ${secondsOf(sql`${table.createdAt}`)}, COALESCE(${expiresAt}, ''), ${words},
        ${users.id}, ${users.username}, ${users.role}, ${users.kind})
      FROM ${table} FORCE INDEX (${sql.raw(`${kind}s_digest`)})
      STRAIGHT_JOIN ${users} FORCE INDEX (PRIMARY)
        ON ${users.id} = ${table.userId} AND ${epoch} = ${table.epoch}
      WHERE (${isLive}) AND NOT ${users.disabled} AND ${table.digest} IN `)
  // It ends when the first of both limits is reached.
  const idleEnd = sql`${sessions.lastSeenAt} + INTERVAL ${idleMs * 1_000} MICROSECOND`
  return {
    session: select('session', sessions, {
      epoch: users.sessionEpoch,
      isDue: sessionQueries.isDue,
      isLive: isLive({ idleMs }),
      expiresAt: secondsOf(sql`LEAST(${sessions.expiresAt}, ${idleEnd})`),
      words: sql`'', ''`,
    }),
    token: select('token', tokens, {
      epoch: users.tokenEpoch,
      isDue: tokenQueries.isDue,
      isLive: isUnexpired,
      expiresAt: secondsOf(sql`${tokens.expiresAt}`),
      words: sql`COALESCE(${tokens.scopes}, ''), COALESCE(${users.addressRanges}, '')`,
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
    if (key.session !== undefined) digests.session.push(key.session)
    else digests.token.push(key.token)
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
  for (const { key, resolve } of batch) {
    resolve(key.session === undefined ? found.token.get(key.token) : found.session.get(key.session))
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
    scopes: scopes ? scopes.split(' ') : undefined,
    addressRanges: ranges || undefined,
    createdAt: Number(createdAt),
    expiresAt: expiresAt ? Number(expiresAt) : undefined,
  }
}
