import { type Database, readColumn } from '../client.ts'

/** What the server and all commands but `migrate` need on the database. */
export const SERVER_PRIVILEGES = ['SELECT', 'INSERT', 'UPDATE', 'DELETE']
/** What `gatehouse migrate` needs on the database. MariaDB does not check REFERENCES. */
export const MIGRATION_PRIVILEGES = [
  'SELECT',
  'INSERT',
  'UPDATE',
  'CREATE',
  'ALTER',
  'INDEX',
  'REFERENCES',
]

/** A line of `SHOW GRANTS` about databases and tables. */
export interface Grant {
  /** In upper case. `ALL PRIVILEGES` stands for all. Those of single columns are left out. */
  privileges: string[]
  /** A name in which `_` and `%` are wildcards unless `\` precedes them, or `*`. */
  database: string
  /** A name, or `*`. */
  table: string
  /** MySQL takes privileges back for one database (`partial_revokes`). */
  isRevoked: boolean
}

export interface Excess {
  privileges: string[]
  /** Where the privileges apply: `*.*`, `name.*` or `name.table`. */
  scope: string
}

const NAME = '(`(?:[^`]|``)*`|\\*)'
const LINE = new RegExp(`^(GRANT|REVOKE) (.+?) ON (?:TABLE )?${NAME}\\.${NAME} (?:TO|FROM) (.*)$`)
/** A privilege with its columns, whose names can hold anything. */
const OF_COLUMNS = /[A-Z ]+ \((?:`(?:[^`]|``)*`(?:, )?)+\)/g
/** It lets a pattern match other databases too. `_` does as well, but stands in many names by mistake. */
const WILDCARD = /(?:^|[^\\])%/
const EVERYONE = /^PUBLIC\b/
const ALL = 'ALL PRIVILEGES'

/** @returns what the connected user may do, with its active roles */
export async function readGrants(db: Database): Promise<Grant[]> {
  return parseGrants(await readColumn(db, 'SHOW GRANTS'))
}

/** @returns the connected account, as it is written in statements: `'name'@'host'` */
export async function readAccount(db: Database): Promise<string> {
  const [account = ''] = await readColumn(db, 'SELECT CURRENT_USER()')
  const end = account.lastIndexOf('@')
  return `${quote(account.slice(0, end))}@${quote(account.slice(end + 1))}`
}

/**
 * @param lines of `SHOW GRANTS`, by MySQL or MariaDB. Lines about roles, proxy users, routines, and
 *   what MariaDB grants to everyone are left out
 */
export function parseGrants(lines: string[]): Grant[] {
  return lines.flatMap((line) => {
    const [, verb, list = '', database = '', table = '', to = ''] = LINE.exec(line) ?? []
    if (verb === undefined || EVERYONE.test(to)) return []
    const privileges = list
      .replace(OF_COLUMNS, '')
      .split(',')
      .map((privilege) => privilege.trim().toUpperCase())
      .filter((privilege) => privilege !== '' && privilege !== 'USAGE')
    if (/ WITH (?:.* )?GRANT OPTION/.test(to)) privileges.push('GRANT OPTION')
    if (privileges.length === 0) return []
    const isRevoked = verb === 'REVOKE'
    return [{ privileges, database: unquote(database), table: unquote(table), isRevoked }]
  })
}

/** @returns those of `needed` that no grant gives on the whole database */
export function missingPrivileges(grants: Grant[], database: string, needed: string[]): string[] {
  const onAll = grants.filter((grant) => grant.database === '*')
  const onDatabase = grants.filter(
    ({ table, ...grant }) => table === '*' && covers(grant, database),
  )
  const gives = (list: Grant[], privilege: string, isRevoked = false) =>
    list.some(
      (grant) =>
        grant.isRevoked === isRevoked &&
        (grant.privileges.includes(privilege) || grant.privileges.includes(ALL)),
    )
  return needed.filter(
    (privilege) =>
      !gives(onDatabase, privilege) &&
      (!gives(onAll, privilege) || gives(onDatabase, privilege, true)),
  )
}

/** @returns what the grants give beyond `needed` on this database, or on more databases than this one */
export function excessPrivileges(grants: Grant[], database: string, needed: string[]): Excess[] {
  return grants.flatMap((grant) => {
    if (grant.isRevoked) return []
    const isOurs = covers(grant, database) && !WILDCARD.test(grant.database)
    const privileges = grant.privileges.filter((one) => !isOurs || !needed.includes(one))
    return privileges.length > 0 ? [{ privileges, scope: `${grant.database}.${grant.table}` }] : []
  })
}

/** @returns a statement that an administrator can run */
export function grantStatement(privileges: string[], database: string, account: string): string {
  return `GRANT ${privileges.join(', ')} ON \`${database.replaceAll('`', '``')}\`.* TO ${account}`
}

function covers({ database }: Pick<Grant, 'database'>, name: string): boolean {
  if (database === name) return true
  const pattern = database.replace(/\\[\s\S]|[\s\S]/g, (part) => {
    if (part === '%') return '.*'
    if (part === '_') return '.'
    return (part.length > 1 ? part.slice(1) : part).replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
  })
  return database !== '*' && new RegExp(`^${pattern}$`, 's').test(name)
}

function unquote(name: string): string {
  return name.startsWith('`') ? name.slice(1, -1).replaceAll('``', '`') : name
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
