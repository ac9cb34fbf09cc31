import { accessSync, constants, existsSync } from 'node:fs'
import { basename, delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** MariaDB first: on a machine with both names, `mysqld` can be a link to `mariadbd`. */
const NAMES = ['mariadbd', 'mysqld']

/** One program that takes its role from its name. Debian's redis-tools installs it under the second. */
const REDIS_NAMES = ['redis-server', 'redis-check-rdb']

/** Folders of server programs that are not in every user's PATH. */
const USUAL_FOLDERS = [
  '/usr/sbin',
  '/usr/local/sbin',
  '/usr/libexec',
  '/opt/homebrew/bin',
  '/usr/local/bin',
  '/usr/local/mysql/bin',
]

/**
 * Plain JavaScript, because the set-up calls it before any package is installed.
 *
 * @returns {string | undefined} the path of a MySQL or MariaDB server, if the machine has one
 */
export function findServerBinary() {
  return NAMES.map(findProgram).find((path) => path !== undefined)
}

/** @returns {string | undefined} the path of a program that runs as a Redis server under the name redis-server */
export function findRedisBinary() {
  return REDIS_NAMES.map(findProgram).find((path) => path !== undefined)
}

/** Where the set-up unpacks Debian's package of nginx, which would start a service if it were installed. */
export const NGINX_FOLDER = cacheFolder('nginx')

/** @returns {string | undefined} the path of nginx: of the machine, or of the set-up */
export function findNginxBinary() {
  const unpacked = join(NGINX_FOLDER, 'usr/sbin/nginx')
  return findProgram('nginx') ?? (isExecutable(unpacked) ? unpacked : undefined)
}

/** Where the set-up unpacks Debian's package of Caddy, which would start a service if it were installed. */
export const CADDY_FOLDER = cacheFolder('caddy')

/** @returns {string | undefined} the path of Caddy: of the machine, or of the set-up */
export function findCaddyBinary() {
  const unpacked = join(CADDY_FOLDER, 'usr/bin/caddy')
  return findProgram('caddy') ?? (isExecutable(unpacked) ? unpacked : undefined)
}

/** Where the set-up unpacks Debian's package of Prometheus, which would start a service if it were installed. */
export const PROMETHEUS_FOLDER = cacheFolder('prometheus')

/**
 * @param {'prometheus' | 'promtool'} name
 * @returns {string | undefined} its path: of the machine, or of the set-up
 */
export function findPrometheusBinary(name) {
  const unpacked = join(PROMETHEUS_FOLDER, 'usr/bin', name)
  return findProgram(name) ?? (isExecutable(unpacked) ? unpacked : undefined)
}

/** Where the set-up unpacks Debian's package of Galera. */
export const GALERA_FOLDER = cacheFolder('galera')

const GALERA_LIBRARY = 'usr/lib/galera/libgalera_smm.so'

/** @returns {string | undefined} the path of the library that makes MariaDB a node of a cluster */
export function findGaleraLibrary() {
  return ['/', GALERA_FOLDER]
    .map((folder) => join(folder, GALERA_LIBRARY))
    .find((path) => existsSync(path))
}

/**
 * @param {string} name
 * @returns {string | undefined} the path of the program of this name
 */
export function findProgram(name) {
  const folders = [...(process.env.PATH ?? '').split(delimiter).filter(Boolean), ...USUAL_FOLDERS]
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

/**
 * @param {string} name
 * @returns {string} a folder beside the installed packages
 */
function cacheFolder(name) {
  return join(projectFolder(), 'node_modules/.cache', name)
}

/** The compiled form of this file, which tests use, is one folder deeper. */
function projectFolder() {
  const folder = dirname(dirname(fileURLToPath(import.meta.url)))
  return basename(folder) === '.test-build' ? dirname(folder) : folder
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
