// Runs before `npm start`, `npm test`, `npm run gatehouse` and others, and installs what is missing.
// It is plain JavaScript and imports no packages, because it may have to install them.
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseEnv } from 'node:util'
import {
  CADDY_FOLDER,
  findCaddyBinary,
  findGaleraLibrary,
  findNginxBinary,
  findProgram,
  findPrometheusBinary,
  findRedisBinary,
  findServerBinary,
  GALERA_FOLDER,
  NGINX_FOLDER,
  PROMETHEUS_FOLDER,
} from './server-binary.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Only the server's programs: these packages start no service, add no user and open no port. */
const DEBIAN_PACKAGES = ['mariadb-server-core', 'mariadb-client-core']

/** The user `_apt` cannot write to a temporary folder of root, and apt would warn of it. */
const AS_ROOT = process.getuid?.() === 0 ? ['-o', 'APT::Sandbox::User=root'] : []

/** For the fault tests of a cluster, which `npm run validate` runs after the others. */
const GALERA = {
  program: findGaleraLibrary,
  package: 'galera-4',
  why: 'no Galera',
  folder: GALERA_FOLDER,
}

/**
 * For tests only. A test is skipped if its program cannot be installed. Only its files are unpacked
 * if it has a folder.
 *
 * @type {{program: () => string | undefined, package: string, why: string, folder?: string}[]}
 */
const TEST_PACKAGES = [
  // This package holds the program; Debian's `redis-server` only links to it.
  { program: findRedisBinary, package: 'redis-tools', why: 'no Redis server' },
  {
    program: () => findProgram('mysqldump') ?? findProgram('mariadb-dump'),
    package: 'mariadb-client',
    why: 'no mysqldump',
  },
  { program: () => findProgram('wrk'), package: 'wrk', why: 'no wrk' },
  { program: () => findProgram('jq'), package: 'jq', why: 'no jq' },
  { program: () => findProgram('chromium'), package: 'chromium', why: 'no Chromium' },
  // Where systemd does not run, installing the package starts nothing. Where it runs, it is installed.
  { program: () => findProgram('systemd-analyze'), package: 'systemd', why: 'no systemd-analyze' },
  // Installing it would start a service on port 80.
  { program: findNginxBinary, package: 'nginx', why: 'no nginx', folder: NGINX_FOLDER },
  { program: findCaddyBinary, package: 'caddy', why: 'no Caddy', folder: CADDY_FOLDER },
  { program: () => findProgram('openssl'), package: 'openssl', why: 'no openssl' },
  {
    program: () => findPrometheusBinary('promtool') && findPrometheusBinary('prometheus'),
    package: 'prometheus',
    why: 'no Prometheus',
    folder: PROMETHEUS_FOLDER,
  },
  GALERA,
]

const HOW_TO_GET_A_SERVER = `Gatehouse needs a MySQL or MariaDB server, and none is installed on this machine.
  Debian, Ubuntu:  sudo apt-get install ${DEBIAN_PACKAGES.join(' ')}
  macOS:           brew install mariadb
  Docker:          docker compose -f compose.yaml -f compose.dev.yaml up -d db
                   Set the variables that compose.yaml names, and DATABASE_URL (for tests:
                   TEST_DATABASE_URL) to mysql://gatehouse:PASSWORD@127.0.0.1:3306/gatehouse`

if (packagesAreStale()) {
  console.error('Gatehouse: installing npm packages (npm ci)')
  if (!run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund'])) process.exit(1)
}

const isForTests = ['pretest', 'pretest:races', 'pretest:long', 'presmoke', 'prepicture'].includes(
  process.env.npm_lifecycle_event ?? '',
)
// The fault tests kill their servers, so they always need the program.
const isForFaults = process.env.npm_lifecycle_event === 'pretest:faults'
const url = isForTests ? 'TEST_DATABASE_URL' : 'DATABASE_URL'
if ((isForFaults || !configuredValue(url)) && !findServerBinary()) {
  if (!mayInstall() || !install(DEBIAN_PACKAGES)) fail(HOW_TO_GET_A_SERVER)
}
const forFaults = isForFaults ? [GALERA] : []
const wanted = isForTests ? TEST_PACKAGES : forFaults
for (const { program, package: name, why, folder } of wanted) {
  if (program()) continue
  if (folder ? unpack(name, folder) && program() : mayInstall() && install([name])) continue
  console.error(`Gatehouse: ${why}: the tests that need it are skipped`)
}

/**
 * @param {string} name
 * @returns {string | undefined} its value, from the environment or else from the file .env
 */
function configuredValue(name) {
  const file = join(root, '.env')
  if (process.env[name] !== undefined || !existsSync(file)) return process.env[name]
  try {
    return parseEnv(readFileSync(file, 'utf8'))[name]
  } catch (error) {
    // src/config/env-file.ts reports every other problem of the file.
    fail(`${file} cannot be read: ${error instanceof Error ? error.message : error}`)
  }
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
  // The package lists may be missing or outdated. If the update fails, the install may still work.
  spawnSync(command, [...quiet, 'update'], { stdio: ['ignore', 2, 2] })
  return run(command, [...quiet, 'install', '-y', '--no-install-recommends', ...packages])
}

/**
 * Downloads a Debian package and unpacks its files: no privilege is needed, and no service starts.
 *
 * @param {string} name
 * @param {string} folder
 */
function unpack(name, folder) {
  if (!findProgram('apt-get') || !findProgram('dpkg-deb')) return false
  console.error(`Gatehouse: unpacking ${name} with dpkg-deb`)
  const download = mkdtempSync(join(tmpdir(), 'gatehouse-'))
  try {
    if (!run('apt-get', [...AS_ROOT, '-qq', 'download', name], download)) return false
    const [file = ''] = readdirSync(download)
    mkdirSync(folder, { recursive: true })
    return run('dpkg-deb', ['--extract', join(download, file), folder])
  } finally {
    rmSync(download, { recursive: true, force: true })
  }
}

/**
 * @param {string} command
 * @param {string[]} parameters
 * @param {string} [folder] where it runs
 */
function run(command, parameters, folder = root) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  // Output goes to standard error: standard output belongs to the command that follows.
  const { status, error } = spawnSync(command, parameters, {
    cwd: folder,
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

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(message)
  process.exit(1)
}
