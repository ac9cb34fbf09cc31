// Runs before `npm start`, `npm test`, `npm run smoke` and `npm run gatehouse`: it installs what they
// need and isn't there. Plain JavaScript without packages, since these are what it installs.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseEnv } from 'node:util'
import { findProgram, findRedisBinary, findServerBinary } from './server-binary.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** The server's programs alone: no service is started, no user is made, no port is opened. */
const DEBIAN_PACKAGES = ['mariadb-server-core', 'mariadb-client-core']

/** What the tests alone need: those that want what can't be had are skipped. */
const TEST_PACKAGES = [
  // Debian's `redis-server` is but a link to a program of this package.
  { program: findRedisBinary, package: 'redis-tools', why: 'no Redis server' },
  { program: () => findProgram('wrk'), package: 'wrk', why: 'no wrk' },
  { program: () => findProgram('chromium'), package: 'chromium', why: 'no Chromium' },
]

const HOW_TO_GET_A_SERVER = `Gatehouse needs a MySQL or MariaDB server, and there is none on this machine.
  Debian, Ubuntu:  sudo apt-get install ${DEBIAN_PACKAGES.join(' ')}
  macOS:           brew install mariadb
  Docker:          docker compose up -d db
                   README.md, "In production", says which variables that and DATABASE_URL
                   (for the tests: TEST_DATABASE_URL) want`

if (packagesAreStale()) {
  console.error('Gatehouse: installing npm packages (npm ci)')
  if (!run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund'])) process.exit(1)
}

const isForTests = ['pretest', 'presmoke'].includes(process.env.npm_lifecycle_event ?? '')
const url = isForTests ? 'TEST_DATABASE_URL' : 'DATABASE_URL'
if (!setInEnvironment(url) && !findServerBinary()) {
  if (!mayInstall() || !install(DEBIAN_PACKAGES)) fail(HOW_TO_GET_A_SERVER)
}
for (const { program, package: name, why } of isForTests ? TEST_PACKAGES : []) {
  if (program() || (mayInstall() && install([name]))) continue
  console.error(`Gatehouse: ${why}: the tests that want it are skipped`)
}

/**
 * @param {string} name
 * @returns {string | undefined} its value, as the server will see it
 */
function setInEnvironment(name) {
  const file = join(root, '.env')
  return process.env[name] ?? (existsSync(file) ? parseEnv(readFileSync(file, 'utf8'))[name] : '')
}

function packagesAreStale() {
  const installed = modifiedMs(join(root, 'node_modules/.package-lock.json'))
  return installed === undefined || installed < (modifiedMs(join(root, 'package-lock.json')) ?? 0)
}

function mayInstall() {
  if (!findProgram('apt-get')) return false
  return process.getuid?.() === 0 || succeeds('sudo', ['-n', 'true'])
}

/** @param {string[]} packages */
function install(packages) {
  console.error(`Gatehouse: installing ${packages.join(' and ')} with apt-get`)
  const isRoot = process.getuid?.() === 0
  const [command, before] = isRoot ? ['apt-get', []] : ['sudo', ['-n', 'apt-get']]
  const quiet = [...before, '-qq', '-o', 'Dpkg::Use-Pty=0']
  // Lists may be missing, or too old to fetch by: a failure to renew them isn't the end.
  spawnSync(command, [...quiet, 'update'], { stdio: ['ignore', 2, 2] })
  return run(command, [...quiet, 'install', '-y', '--no-install-recommends', ...packages])
}

/**
 * @param {string} command
 * @param {string[]} parameters
 */
function run(command, parameters) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  // What it says goes to standard error: standard output belongs to the command that follows.
  const { status, error } = spawnSync(command, parameters, {
    cwd: root,
    env,
    stdio: ['ignore', 2, 2],
  })
  if (status !== 0) {
    const why = error ? error.message : `exit code ${status}`
    console.error(`Gatehouse: \`${command} ${parameters.join(' ')}\` failed: ${why}`)
  }
  return status === 0
}

/**
 * @param {string} command
 * @param {string[]} parameters
 */
function succeeds(command, parameters) {
  return spawnSync(command, parameters, { stdio: 'ignore' }).status === 0
}

/** @param {string} path */
function modifiedMs(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs
}

/** @param {string} message */
function fail(message) {
  console.error(message)
  process.exit(1)
}
