import { type SQL, sql } from 'drizzle-orm'
import { alias, MySqlDialect } from 'drizzle-orm/mysql-core'
import { format, type SqlValue } from 'mysql2'
import { isUnexpired } from '../queries/authority.ts'
import { isLive as isLiveSession, type SessionLimits } from '../queries/live-sessions.ts'
import * as sessionQueries from '../queries/sessions.ts'
import * as tokenQueries from '../queries/tokens.ts'
import { sessions, tokens, users } from '../schema.ts'

/** What a request has to know. Digests are SHA-256 in upper-case hex. */
export type Wanted =
  | { session: string; token?: never; userId?: number | undefined } // of the secret id in the cookie
  | { session?: never; token: string; userId?: number | undefined }
  | { session?: never; token?: never; userId: number } // a safe integer

/** Between the values of a row. No value contains it. */
export const SEPARATOR = '\t'

/** The account that a request wants, beside the account of its caller. */
const wanted = alias(users, 'wanted')

type Statements = ReturnType<typeof createStatements>

/**
 * The statements of each kind up to the list of keys, as text that is built once: building and
 * mapping by Drizzle costs several times what the rest of a request does.
 *
 * A row is one column of text, because the driver parses the description of each column in each
 * result, which costs more than the values of a few rows.
 *
 * Index hints and STRAIGHT_JOIN fix the plan. With the statistics of an empty table, or old ones, MySQL
 * and MariaDB would scan the whole table.
 */
export function createStatements(limits: SessionLimits) {
  const credential = (kind: 'session' | 'token', more: SQL = sql``) => {
    const { table, isDue, from, where } = credentialSql(kind, limits)
    const select = (accounts: SQL) =>
      sql`SELECT CONCAT_WS(${SEPARATOR}, ${kind}, HEX(${table.digest}), ${table.id}, ${isDue}, ${more}${accounts})
        ${from}`
    const both = sql`${accountOf(users)}, ${accountOf(wanted)}`
    return {
      alone: toText(sql`${select(accountOf(users))} ${where}`),
      joined: {
        untilUser: toText(sql`${select(both)}
          LEFT JOIN ${users} AS ${wanted} FORCE INDEX (PRIMARY) ON ${wanted.id} = `),
        untilDigest: toText(where),
      },
    }
  }
  return {
    session: credential('session'),
    // CONCAT_WS leaves out NULLs.
    token: credential(
      'token',
      sql`${users.kind}, COALESCE(${tokens.scopes}, ''), COALESCE(${users.addressRanges}, ''), `,
    ),
    user: toText(sql`SELECT CONCAT_WS(${SEPARATOR}, 'user', ${accountOf(users)})
      FROM ${users} FORCE INDEX (PRIMARY) WHERE ${users.id} IN `),
  }
}

/**
 * The parts of a statement that finds live credentials with their owners.
 *
 * @returns the table, whether a last use must be written, and the clauses up to the list of digests
 */
export function credentialSql(kind: 'session' | 'token', limits: Pick<SessionLimits, 'idleMs'>) {
  const { table, epoch, isDue, isLive } = {
    session: {
      table: sessions,
      epoch: users.sessionEpoch,
      isDue: sessionQueries.isDue,
      isLive: isLiveSession(limits),
    },
    token: {
      table: tokens,
      epoch: users.tokenEpoch,
      isDue: tokenQueries.isDue,
      isLive: isUnexpired,
    },
  }[kind]
  return {
    table,
    isDue,
    from: sql`FROM ${table} FORCE INDEX (${sql.raw(`${kind}s_digest`)})
      STRAIGHT_JOIN ${users} FORCE INDEX (PRIMARY)
        ON ${users.id} = ${table.userId} AND ${epoch} = ${table.epoch}`,
    where: sql` WHERE (${isLive}) AND NOT ${users.disabled} AND ${table.digest} IN `,
  }
}

/** The number of columns of an account, and of a credential with the kind of its row. */
export const ACCOUNT_COLUMNS = 5
export const CREDENTIAL_COLUMNS = { session: 4, token: 7 }

function accountOf({ id, username, role, version, createdAt }: typeof users | typeof wanted): SQL {
  return sql`${id}, ${username}, ${role}, ${version}, ${createdAt}`
}

/** @returns the scopes of a stored list; undefined for an empty one, which limits nothing */
export function scopesOf(text = ''): string[] | undefined {
  return text === '' ? undefined : text.split(' ')
}

export function toText(statement: SQL): string {
  const { sql: text, params } = new MySqlDialect().sqlToQuery(statement)
  const values = params as SqlValue[] // numbers and text; Drizzle types them as unknown
  return format(text.replaceAll(/\s+/g, ' '), values)
}

export function queryFor(keys: readonly Wanted[], statements: Statements): string {
  const [first, second] = keys
  if (first && !second) return queryForOne(first, statements)
  const sessions: string[] = []
  const tokens: string[] = []
  const users: number[] = []
  for (const key of keys) {
    if (key.session !== undefined) sessions.push(key.session)
    else if (key.token !== undefined) tokens.push(key.token)
    if (key.userId !== undefined) users.push(key.userId)
  }
  const selects: string[] = []
  if (sessions.length > 0) selects.push(statements.session.alone + digestList(sessions))
  if (tokens.length > 0) selects.push(statements.token.alone + digestList(tokens))
  if (users.length > 0) selects.push(`${statements.user}(${users.join()})`)
  return selects.join(' UNION ALL ')
}

/** For a single lookup, a join costs the database a fifth less than a UNION. */
function queryForOne({ session, token, userId }: Wanted, statements: Statements): string {
  const digest = session ?? token
  if (digest === undefined) return `${statements.user}(${userId})`
  const { alone, joined } = session === undefined ? statements.token : statements.session
  if (userId === undefined) return alone + digestList([digest])
  return joined.untilUser + userId + joined.untilDigest + digestList([digest])
}

export function digestList(digests: string[]): string {
  return `(x'${digests.join("',x'")}')`
}
