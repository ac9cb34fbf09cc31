import { getTableName, sql } from 'drizzle-orm'
import { type Database, readColumn } from '../../../db/client.ts'
import { databaseFault } from '../../../db/errors.ts'
import {
  type Excess,
  excessPrivileges,
  grantStatement,
  missingPrivileges,
  readAccount,
  readGrants,
  SERVER_PRIVILEGES,
} from '../../../db/privileges/grants.ts'
import {
  endedAccess,
  eventCounter,
  events,
  importedUsers,
  loginFailures,
  seededUsers,
  sessions,
  tokens,
  usedCookies,
  users,
} from '../../../db/schema.ts'
import { type Check, fail, ok, warn } from './check.ts'

/** Each with a column that any statement can name. */
const TABLES = [
  [users, 'id'],
  [sessions, 'id'],
  [tokens, 'id'],
  [events, 'id'],
  [eventCounter, 'id'],
  [endedAccess, 'id'],
  [loginFailures, 'key'],
  [importedUsers, 'user_id'],
  [seededUsers, 'user_id'],
  [usedCookies, 'digest'],
] as const

/** Access to a table or to a column is denied; on TiDB, to either. */
const REFUSALS = new Set([1142, 1143, 8121])
const SHOWN = 5

/**
 * Checks what the user of the database may do.
 *
 * @param options.hasSchema whether all tables exist
 * @param options.isPrivate the database has one user, who may do everything
 */
export async function checkGrants(
  db: Database,
  { hasSchema, isPrivate }: { hasSchema: boolean; isPrivate: boolean },
): Promise<Check[]> {
  const subject = 'grants'
  if (isPrivate) return [ok(subject, 'a private database needs no separate users')]
  const [database = ''] = await readColumn(db, 'SELECT DATABASE()')
  const account = await readAccount(db)
  const grants = await readGrants(db)
  const refused = hasSchema ? await refusedPrivileges(db) : undefined
  const missing = refused ?? missingPrivileges(grants, database, SERVER_PRIVILEGES)
  const excess = excessPrivileges(grants, database, SERVER_PRIVILEGES)
  const needed = SERVER_PRIVILEGES.join(', ')
  const checks: Check[] = []
  if (missing.length > 0) {
    const text = `${account} lacks ${missing.join(', ')}: operations that need ${missing.length === 1 ? 'it' : 'them'} fail with 503`
    const todo = `As an administrator of the database, run: ${grantStatement(missing, database, account)};`
    checks.push(fail(subject, text, todo))
  }
  if (excess.length > 0) {
    const text = `${account} has what the server does not need: ${excess.map(describe).join('; ')}`
    const todo = `Give the server a user with ${needed} on ${database} only, and \`gatehouse migrate\` another one: docs/operations.md`
    checks.push(warn(subject, text, todo))
  }
  return checks.length > 0 ? checks : [ok(subject, `${account} has ${needed}, and nothing else`)]
}

/**
 * Explains one statement of each kind on each table, which needs the privilege and changes nothing.
 * The grants alone do not decide: of two patterns that match a database, MySQL obeys one.
 */
async function refusedPrivileges(db: Database): Promise<string[]> {
  const refused = new Set<string>()
  for (const [table, column] of TABLES) {
    const [name, id] = [sql.identifier(getTableName(table)), sql.identifier(column)]
    const statements = {
      SELECT: sql`EXPLAIN SELECT 1 FROM ${name} WHERE ${id} IS NULL`,
      INSERT: sql`EXPLAIN INSERT INTO ${name} () VALUES ()`,
      UPDATE: sql`EXPLAIN UPDATE ${name} SET ${id} = 1 WHERE FALSE`,
      DELETE: sql`EXPLAIN DELETE FROM ${name} WHERE FALSE`,
    }
    for (const [privilege, statement] of Object.entries(statements)) {
      const errno = await db.execute(statement).then(
        () => undefined,
        (error: unknown) => {
          const fault = databaseFault(error)
          if (fault?.errno === undefined) throw error // the connection failed
          return fault.errno
        },
      )
      if (errno !== undefined && REFUSALS.has(errno)) refused.add(privilege)
    }
  }
  return SERVER_PRIVILEGES.filter((privilege) => refused.has(privilege))
}

function describe({ privileges, scope }: Excess): string {
  const shown = privileges.slice(0, SHOWN).join(', ')
  const more = privileges.length - SHOWN
  return `${shown}${more > 0 ? ` and ${more} more` : ''} on ${scope}`
}
