import { type SQL, sql } from 'drizzle-orm'
import { MySqlDialect } from 'drizzle-orm/mysql-core'
import { format, type SqlValue } from 'mysql2'
import { type Database, readRows } from '../client.ts'
import { type Actor, isUnexpired } from '../queries/authority.ts'
import * as sessionQueries from '../queries/sessions.ts'
import * as tokenQueries from '../queries/tokens.ts'
import type { UserRecord } from '../queries/users.ts'
import { type Role, sessions, tokens, users } from '../schema.ts'
import { BatchQueue, type Pending } from './batch.ts'
import { LIMITS, UNVERIFIED_LIMITS } from './limits.ts'

/** How many connections the lookups need: the last one replaces one that is given up. */
export const LOOKUP_CONNECTIONS = LIMITS.maxRunning + UNVERIFIED_LIMITS.maxRunning + 1

/** What a request has to know. Digests are SHA-256 in upper-case hex. */
export type Wanted = {
  /** The account with this id, a safe integer. */
  userId?: number | undefined
} & (
  | { session?: string; token?: never } // of the secret id in the cookie
  | { session?: never; token?: string }
)

export interface Found {
  /** The owner of the session or token; undefined if there is none. */
  actor: Actor | undefined
  /** Undefined if it does not exist, null if it was not wanted. */
  user: UserRecord | undefined | null
}

type Batch = readonly Pending<Wanted, Found>[]

type Row =
  | [kind: 'session' | 'token', digest: string, id: number, isDue: 0 | 1, ...AccountColumns]
  | [kind: 'user', digest: null, id: null, isDue: null, ...AccountColumns]
type AccountColumns = [id: number, username: string, role: Role, version: number, createdAt: Date]

/** Finds callers and accounts for all requests of one iteration of the event loop by one query. */
export class Lookups {
  readonly #queue: BatchQueue<Wanted, Found>
  readonly #unverified: BatchQueue<Wanted, Found>

  /** @param db a pool of LOOKUP_CONNECTIONS that nothing else uses, so that nothing delays it */
  constructor(db: Database, limits: sessionQueries.SessionLimits) {
    const statements = createStatements(limits)
    const run = async (batch: Batch) =>
      resolve(batch, await readRows<Row>(db, queryFor(batch, statements)))
    this.#queue = new BatchQueue(LIMITS, run)
    this.#unverified = new BatchQueue(UNVERIFIED_LIMITS, run)
  }

  /** @throws LookupError, or an error of the database */
  find(wanted: Wanted): Promise<Found> {
    return this.#queue.load(wanted)
  }

  /**
   * For a token without a valid MAC. Uses a queue of its own, so that forged tokens do not delay
   * other lookups.
   *
   * @throws LookupError, or an error of the database
   */
  findUnverified(wanted: { token: string }): Promise<Found> {
    return this.#unverified.load(wanted)
  }
}

function queryFor(batch: Batch, statements: ReturnType<typeof createStatements>): string {
  const sessions: string[] = []
  const tokens: string[] = []
  const users: number[] = []
  for (const { key } of batch) {
    if (key.session !== undefined) sessions.push(key.session)
    else if (key.token !== undefined) tokens.push(key.token)
    if (key.userId !== undefined) users.push(key.userId)
  }
  const selects: string[] = []
  if (sessions.length > 0) selects.push(statements.sessions + digestList(sessions))
  if (tokens.length > 0) selects.push(statements.tokens + digestList(tokens))
  if (users.length > 0) selects.push(`${statements.users}(${users.join()})`)
  return selects.join(' UNION ALL ')
}

function digestList(digests: string[]): string {
  return `(x'${digests.join("',x'")}')`
}

function resolve(batch: Batch, rows: Row[]): void {
  const actors = { session: new Map<string, Actor>(), token: new Map<string, Actor>() }
  const users = new Map<number, UserRecord>()
  for (const [kind, digest, credentialId, isDue, id, username, role, version, createdAt] of rows) {
    if (kind === 'user') users.set(id, { id, username, role, version, createdAt })
    else {
      const credential = { kind, id: credentialId, isStale: isDue === 1 }
      actors[kind].set(digest, { id, username, role, version, createdAt, credential })
    }
  }
  for (const { key, resolve } of batch) {
    const { session = '', token = '', userId } = key
    resolve({
      actor: actors.session.get(session) ?? actors.token.get(token),
      user: userId === undefined ? null : users.get(userId),
    })
  }
}

/**
 * The statements of each kind up to the list of keys, as text that is built once: building and
 * mapping by Drizzle costs several times what the rest of a request does. All select the same
 * columns, those of Row.
 */
function createStatements(limits: sessionQueries.SessionLimits) {
  const account = sql`${users.id}, ${users.username}, ${users.role}, ${users.version},
    ${users.createdAt}`
  const credential = (
    table: typeof sessions | typeof tokens,
    epoch: typeof users.sessionEpoch | typeof users.tokenEpoch,
    isDue: unknown,
    isLive: unknown,
  ) =>
    sql`HEX(${table.digest}), ${table.id}, ${isDue}, ${account}
      FROM ${table} JOIN ${users} ON ${users.id} = ${table.userId} AND ${epoch} = ${table.epoch}
      WHERE (${isLive}) AND NOT ${users.disabled} AND ${table.digest} IN `
  const session = credential(
    sessions,
    users.sessionEpoch,
    sessionQueries.isDue,
    sessionQueries.isLive(limits),
  )
  const token = credential(tokens, users.tokenEpoch, tokenQueries.isDue, isUnexpired)
  return {
    sessions: toText(sql`SELECT 'session', ${session}`),
    tokens: toText(sql`SELECT 'token', ${token}`),
    users: toText(sql`SELECT 'user', NULL, NULL, NULL, ${account}
      FROM ${users} WHERE ${users.id} IN `),
  }
}

function toText(statement: SQL): string {
  const { sql: text, params } = new MySqlDialect().sqlToQuery(statement)
  const values = params as SqlValue[] // numbers; Drizzle types them as unknown
  return format(text.replaceAll(/\s+/g, ' '), values)
}
