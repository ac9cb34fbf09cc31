import { asc } from 'drizzle-orm'
import { DrizzleQueryError } from 'drizzle-orm/errors'
import { mysqlTable, text } from 'drizzle-orm/mysql-core'
import { closeDatabase, openDatabase } from '../../../db/client.ts'
import { describeFailure } from '../../process/failure.ts'
import type { Source, SourceRow } from './source.ts'

/** For the query, which returns the whole table. */
const TIMEOUT_MS = 10 * 60 * 1_000
/** SQLAlchemy names the driver in the scheme. */
const SCHEME = /^(mysql|mariadb)(\+[a-z0-9_]+)?:/i

/** @returns whether a source is the URL of a database, and not the name of a file */
export function isMysqlUrl(source: string): boolean {
  return SCHEME.test(source)
}

export interface FlaskDatabaseOptions {
  table: string
  /** Used if the URL has no password. */
  password: string | undefined
}

/**
 * The table of the Flask service, read by one query: a consistent snapshot. Nothing is written or locked.
 *
 * @param source `mysql://user:password@host:port/database`, also with the name of a driver as
 *   SQLAlchemy writes it
 * @throws Error if it is no such URL
 */
export function flaskDatabase(source: string, { table, password }: FlaskDatabaseOptions): Source {
  const url = parse(source)
  if (url.password === '' && password !== undefined) url.password = encodeURIComponent(password)
  const name = `table ${table} of ${url.host}${url.pathname}`
  return { name, rows: () => readAll(url.href, table) }
}

function parse(source: string): URL {
  const text = source.replace(SCHEME, 'mysql:')
  if (!URL.canParse(text) || new URL(text).pathname.length < 2) {
    // Without the text, which may hold a password.
    throw new Error('The source is not a URL such as mysql://user:password@host:3306/flask-crud.')
  }
  return new URL(text)
}

async function* readAll(url: string, table: string): AsyncGenerator<SourceRow> {
  const db = openDatabase(url, { connections: 1, timeoutMs: TIMEOUT_MS })
  // Text, so that nothing is converted before it is checked.
  const rows = mysqlTable(table, {
    id: text('id'),
    username: text('username'),
    password: text('password'),
    role: text('role'),
  })
  let found: (typeof rows.$inferSelect)[]
  try {
    found = await db.select().from(rows).orderBy(asc(rows.id))
  } catch (error) {
    // The message of a Drizzle error is the query.
    const reason = error instanceof DrizzleQueryError ? error.cause : error
    throw new Error(`The source cannot be read: ${describeFailure(reason)}`, { cause: error })
  } finally {
    await closeDatabase(db)
  }
  for (const row of found) yield { place: `id ${row.id}`, ...row }
}
