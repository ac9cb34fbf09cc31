import { type Database, readColumn } from '../../../db/client.ts'
import { type Check, fail, ok, warn } from './check.ts'

export interface DatabaseVersion {
  product: 'MySQL' | 'MariaDB' | 'TiDB'
  /** As the server sends it. */
  text: string
  major: number
  minor: number
}

/** Older releases get no corrections from their makers, and no test runs on them. */
const SUPPORTED = {
  MySQL: { major: 8, minor: 0 },
  MariaDB: { major: 10, minor: 6 },
  // The line 8.5, which calls itself 8.4 when it is built from its module.
  TiDB: { major: 8, minor: 4 },
}
/** Older releases have no index on 2,640 bytes by default, which `users_username_key` is. */
const REQUIRED = {
  MySQL: { major: 5, minor: 7 },
  MariaDB: { major: 10, minor: 2 },
  TiDB: { major: 6, minor: 6 }, // the first with foreign keys
}
/** TiDB names the version of MySQL before its own. */
const PREFIX = /^5\.5\.5-|^.*-TiDB-v/

export async function readVersion(db: Database): Promise<DatabaseVersion> {
  const [text = ''] = await readColumn(db, 'SELECT VERSION()')
  return parseVersion(text)
}

/**
 * @param text such as `8.4.3`, `10.11.6-MariaDB-0+deb12u1`, `5.5.5-10.11.6-MariaDB` or
 *   `8.0.11-TiDB-v8.5.3`
 */
export function parseVersion(text: string): DatabaseVersion {
  const product = /mariadb/i.test(text) ? 'MariaDB' : text.includes('TiDB') ? 'TiDB' : 'MySQL'
  const [, major = '0', minor = '0'] = /(\d+)\.(\d+)/.exec(text.replace(PREFIX, '')) ?? []
  return { product, text, major: Number(major), minor: Number(minor) }
}

export function checkVersion(version: DatabaseVersion): Check {
  const { product, text } = version
  const supported = SUPPORTED[product]
  const line = `answers, ${product} ${text}`
  const todo = `Upgrade it to ${product} ${supported.major}.${supported.minor} or newer`
  if (isOlder(version, REQUIRED[product])) {
    return fail('database', `${line}: this version cannot hold the schema`, todo)
  }
  if (isOlder(version, supported)) {
    return warn('database', `${line}: Gatehouse is not tested with this version`, todo)
  }
  return ok('database', line)
}

function isOlder(
  { major, minor }: Pick<DatabaseVersion, 'major' | 'minor'>,
  other: { major: number; minor: number },
): boolean {
  return major < other.major || (major === other.major && minor < other.minor)
}
