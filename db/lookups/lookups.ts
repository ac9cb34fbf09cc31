import { type SQL, sql } from 'drizzle-orm'
import { MySqlDialect } from 'drizzle-orm/mysql-core'
import { format, type SqlValue } from 'mysql2'
import { type Database, readRows } from '../client.ts'
import { databaseFault, isTransient } from '../errors.ts'
import { type Actor, type Credential, isUnexpired } from '../queries/authority.ts'
import { isLive, isDue as isSessionDue, type SessionLimits } from '../queries/sessions.ts'
import { isDue as isTokenDue } from '../queries/tokens.ts'
import type { UserRecord } from '../queries/users.ts'
import { type Role, sessions, tokens, users } from '../schema.ts'
import { createBatch } from './batch.ts'

/**
 * One question at a time: the longer it takes, the more requests share the next one, which costs
 * both servers less.
 */
const LIMITS = { maxKeys: 512, maxAsking: 1, maxWaiting: 10_000, deadlineMs: 2_000 }

/** How many connections the lookups want: one more takes over from one that is given up. */
export const LOOKUP_CONNECTIONS = LIMITS.maxAsking + 1

const KINDS = ['session', 'token', 'user'] as const
type Kind = (typeof KINDS)[number]

/** What is looked up, and by what: a digest in upper-case hex, or an id in decimal. */
type Key = `${Kind} ${string}`
type Found = UserRecord & { credential?: Credential }

type Row = [kind: Kind, digest: string, id: number, isDue: 0 | 1, ...account: AccountColumns]
type AccountColumns = [id: number, username: string, role: Role, version: number, createdAt: Date]

export type Lookups = ReturnType<typeof createLookups>

/**
 * Who asks and who is asked for, for all requests of a turn of the event loop by one question. All
 * three functions resolve with undefined where there is nobody, and reject with LookupError or an
 * error of the database.
 *
 * @param db with LOOKUP_CONNECTIONS connections of its own, so that nothing else holds them up
 */
export function createLookups(db: Database, limits: SessionLimits) {
  const questions = createQuestions(limits)

  async function ask(keys: Key[]): Promise<Map<Key, Found>> {
    const values: Record<Kind, string[]> = { session: [], token: [], user: [] }
    for (const key of keys) {
      const [kind, value] = key.split(' ') as [Kind, string]
      values[kind].push(kind === 'user' ? value : `x'${value}'`)
    }
    const parts = KINDS.filter((kind) => values[kind].length > 0).map((kind) =>
      questions[kind](values[kind].join()),
    )
    // As `createQuestions` has the columns: a user's row has null for those of a credential.
    const rows = await readRows<Row>(db, parts.join(' UNION ALL '), LIMITS.deadlineMs)

    const found = new Map<Key, Found>()
    for (const [
      kind,
      digest,
      credentialId,
      isDue,
      id,
      username,
      role,
      version,
      createdAt,
    ] of rows) {
      const user = { id, username, role, version, createdAt }
      if (kind === 'user') found.set(`user ${id}`, user)
      else {
        const credential = { kind, id: credentialId, isStale: isDue === 1 }
        found.set(`${kind} ${digest}`, { ...user, credential })
      }
    }
    return found
  }

  const load = createBatch(ask, LIMITS, (error) => {
    const fault = databaseFault(error)
    return fault !== undefined && isTransient(fault)
  })
  return {
    /** @param digest of the secret id in the cookie, in upper-case hex */
    actorBySession: (digest: string) => load(`session ${digest}`) as Promise<Actor | undefined>,
    /** @param digest of the token, in upper-case hex */
    actorByToken: (digest: string) => load(`token ${digest}`) as Promise<Actor | undefined>,
    /** @param id a whole number */
    user: (id: number): Promise<UserRecord | undefined> => load(`user ${id}`),
  }
}

/**
 * What asks for each kind, as text that is built once: for each request, Drizzle's building and
 * mapping costs several times what the rest of the request does. All have the same columns.
 *
 * @returns functions of a list of values as it stands in `IN (…)`
 */
function createQuestions(limits: SessionLimits): Record<Kind, (list: string) => string> {
  const account = sql`${users.id}, ${users.username}, ${users.role}, ${users.version},
    ${users.createdAt}`

  const credential = (table: typeof sessions | typeof tokens, isDue: unknown, isLive: unknown) =>
    sql`HEX(${table.digest}), ${table.id}, ${isDue}, ${account}
      FROM ${table} JOIN ${users} ON ${users.id} = ${table.userId}
      WHERE ${table.digest} IN (${LIST}) AND (${isLive}) AND NOT ${users.disabled}`
  return {
    session: compile(sql`SELECT 'session', ${credential(sessions, isSessionDue, isLive(limits))}`),
    token: compile(sql`SELECT 'token', ${credential(tokens, isTokenDue, isUnexpired)}`),
    user: compile(sql`SELECT 'user', NULL, NULL, NULL, ${account}
      FROM ${users} WHERE ${users.id} IN (${LIST})`),
  }
}

const LIST_MARK = '/* list */'
const LIST = sql.raw(LIST_MARK)

function compile(statement: SQL): (list: string) => string {
  const { sql: text, params } = new MySqlDialect().sqlToQuery(statement)
  const values = params as SqlValue[] // numbers, by Drizzle's types `unknown`
  const [before, after] = format(text.replaceAll(/\s+/g, ' '), values).split(LIST_MARK)
  return (list) => `${before}${list}${after}`
}
