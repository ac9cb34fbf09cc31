import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** MariaDB first: where both stand, `mysqld` may be no more than its other name. */
const NAMES = ['mariadbd', 'mysqld']

/** One program that is told by its name what to be; Debian's tools have it under the second. */
const REDIS_NAMES = ['redis-server', 'redis-check-rdb']

/** Where packages put servers that an ordinary user's PATH leaves out. */
const USUAL_FOLDERS = [
  '/usr/sbin',
  '/usr/local/sbin',
  '/usr/libexec',
  '/opt/homebrew/bin',
  '/usr/local/bin',
  '/usr/local/mysql/bin',
]

/**
 * Plain JavaScript, since the set-up asks before any package is installed.
 *
 * @returns {string | undefined} the path of a MySQL or MariaDB server, if the machine has one
 */
export function findServerBinary() {
  return NAMES.map(findProgram).find((path) => path !== undefined)
}

/** @returns {string | undefined} the path of a program that is a Redis server if called so */
export function findRedisBinary() {
  return REDIS_NAMES.map(findProgram).find((path) => path !== undefined)
}

/**
 * @param {string} name
 * @returns {string | undefined} the path of the program of this name
 */
export function findProgram(name) {
  const folders = [...(process.env.PATH ?? '').split(delimiter).filter(Boolean), ...USUAL_FOLDERS]
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
