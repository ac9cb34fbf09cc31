import { type SQL, sql } from 'drizzle-orm'
import { MySqlDialect } from 'drizzle-orm/mysql-core'
import { format, type SqlValue } from 'mysql2'
import { type Database, readRows } from '../client.ts'
import { type Actor, isUnexpired } from '../queries/authority.ts'
import * as sessionQueries from '../queries/sessions.ts'
import * as tokenQueries from '../queries/tokens.ts'
import type { UserRecord } from '../queries/users.ts'
import { type Role, sessions, tokens, users } from '../schema.ts'
import { type BatchLimits, BatchQueue, PendingKeys } from './batch.ts'
import { LIMITS, UNVERIFIED_LIMITS } from './limits.ts'

/** How many connections the lookups need: the last one replaces one that is given up. */
export const LOOKUP_CONNECTIONS = LIMITS.maxRunning + UNVERIFIED_LIMITS.maxRunning + 1

type Row =
  | [kind: 'session' | 'token', digest: string, id: number, isDue: 0 | 1, ...AccountColumns]
  | [kind: 'user', digest: null, id: null, isDue: null, ...AccountColumns]
type AccountColumns = [id: number, username: string, role: Role, version: number, createdAt: Date]

/** Digests are SHA-256 in upper-case hex. */
class LookupKeys {
  readonly sessions = new PendingKeys<string, Actor>()
  readonly tokens = new PendingKeys<string, Actor>()
  readonly users = new PendingKeys<number, UserRecord>()

  get size(): number {
    return this.sessions.size + this.tokens.size + this.users.size
  }

  reject(error: unknown): void {
    for (const keys of [this.sessions, this.tokens, this.users]) keys.reject(error)
  }

  resolveMissing(): void {
    for (const keys of [this.sessions, this.tokens, this.users]) keys.resolveMissing()
  }
}

/**
 * Finds callers and accounts for all requests of one iteration of the event loop by one query.
 *
 * Each method resolves with undefined where nothing is found. It rejects with LookupError, or with
 * an error of the database.
 */
export class Lookups {
  readonly #queue: BatchQueue<LookupKeys>
  readonly #unverified: BatchQueue<LookupKeys>

  /** @param db a pool of LOOKUP_CONNECTIONS that nothing else uses, so that nothing delays it */
  constructor(db: Database, limits: sessionQueries.SessionLimits) {
    const statements = createStatements(limits)
    const createQueue = (limits: BatchLimits) =>
      new BatchQueue(
        limits,
        () => new LookupKeys(),
        async (keys) => {
          const rows = await readRows<Row>(db, queryFor(keys, statements))
          for (const row of rows) resolveRow(keys, row)
          keys.resolveMissing()
        },
      )
    this.#queue = createQueue(LIMITS)
    this.#unverified = createQueue(UNVERIFIED_LIMITS)
  }

  /** @param digest of the secret id in the cookie: SHA-256 in upper-case hex */
  actorBySession(digest: string): Promise<Actor | undefined> {
    return this.#queue.load(({ sessions }) => sessions.add(digest))
  }

  /** @param digest of the token: SHA-256 in upper-case hex */
  actorByToken(digest: string): Promise<Actor | undefined> {
    return this.#queue.load(({ tokens }) => tokens.add(digest))
  }

  /**
   * For a token without a valid MAC. Uses a queue of its own, so that forged tokens do not delay
   * other lookups.
   */
  actorByUnverifiedToken(digest: string): Promise<Actor | undefined> {
    return this.#unverified.load(({ tokens }) => tokens.add(digest))
  }

  /** @param id a safe integer */
  user(id: number): Promise<UserRecord | undefined> {
    return this.#queue.load(({ users }) => users.add(id))
  }
}

function queryFor(keys: LookupKeys, statements: ReturnType<typeof createStatements>): string {
  const selects: string[] = []
  if (keys.sessions.size > 0) selects.push(statements.sessions + digestList(keys.sessions.keys))
  if (keys.tokens.size > 0) selects.push(statements.tokens + digestList(keys.tokens.keys))
  if (keys.users.size > 0) selects.push(`${statements.users}(${keys.users.keys.join()})`)
  return selects.join(' UNION ALL ')
}

function digestList(digests: string[]): string {
  return `(x'${digests.join("',x'")}')`
}

function resolveRow(keys: LookupKeys, row: Row): void {
  const [kind, digest, credentialId, isDue, id, username, role, version, createdAt] = row
  const user = { id, username, role, version, createdAt }
  if (kind === 'user') {
    keys.users.resolve(id, user)
    return
  }
  const credential = { kind, id: credentialId, isStale: isDue === 1 }
  const credentials = kind === 'session' ? keys.sessions : keys.tokens
  credentials.resolve(digest, { ...user, credential })
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
