import { closeDatabase, openDatabase } from '../client.ts'
import { withHosts, withoutDatabase } from '../connections/hosts.ts'
import { databaseFault } from '../errors.ts'
import {
  grantStatement,
  MIGRATION_PRIVILEGES,
  missingPrivileges,
  readAccount,
  readGrants,
} from './grants.ts'

/** Access to a database, a table, a column or an administrative statement is denied; on TiDB, to any. */
const REFUSALS = new Set([1044, 1142, 1143, 1227, 8121])
const TIMEOUT_MS = 5_000

/**
 * @param url of the database that `gatehouse migrate` changes
 * @returns an error that names the privileges that the user lacks, and the statement that grants
 *   them, if that is why a migration failed; otherwise the same error
 */
export async function explainRefusal(url: string, error: unknown): Promise<unknown> {
  const errno = databaseFault(error)?.errno
  if (errno === undefined || !REFUSALS.has(errno)) return error
  const oneServer = new URL(withHosts(url, ['server']))
  const database = decodeURIComponent(oneServer.pathname.slice(1))
  const db = openDatabase(withoutDatabase(url), { connections: 1, timeoutMs: TIMEOUT_MS })
  try {
    const missing = missingPrivileges(await readGrants(db), database, MIGRATION_PRIVILEGES)
    if (missing.length === 0) return error
    const account = await readAccount(db)
    const lines = [
      `The database user ${account} lacks ${describe(missing)} on ${database}, so the migration stopped. What it has applied stays.`,
      'Run this as an administrator of the database, then migrate again:',
      `  ${grantStatement(MIGRATION_PRIVILEGES, database, account)};`,
    ]
    return new Error(lines.join('\n'), { cause: error })
  } catch {
    return error
  } finally {
    await closeDatabase(db)
  }
}

function describe(privileges: string[]): string {
  return `${privileges.length === 1 ? 'the privilege' : 'the privileges'} ${privileges.join(', ')}`
}
