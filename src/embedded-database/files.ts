import { execFile } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import { findProgram } from '../../scripts/server-binary.mjs'

const run = promisify(execFile)

/** Arguments for MySQL and MariaDB: a socket and no port, and every commit flushed to disk. */
export function serverArguments(data: string, socket: string): string[] {
  return [
    '--no-defaults',
    ...asRoot(),
    `--datadir=${filesOf(data)}`,
    `--tmpdir=${temporaryOf(data)}`,
    `--socket=${socket}`,
    `--pid-file=${join(data, 'server.pid')}`,
    '--skip-networking',
    '--loose-mysqlx=OFF', // MySQL's second protocol has a port and a socket of its own
    '--loose-secure-file-priv=',
    '--innodb-flush-log-at-trx-commit=1',
    '--skip-log-bin',
    '--character-set-server=utf8mb4',
  ]
}

/**
 * Creates the server's files, if they do not exist. They get their name when they are complete.
 *
 * @param binary the server's program
 */
export async function initialise(binary: string, data: string): Promise<void> {
  mkdirSync(temporaryOf(data), { recursive: true, mode: 0o700 })
  if (existsSync(filesOf(data))) return
  await removeAbandoned(data)
  const unfinished = await mkdtemp(join(data, `unfinished-${process.pid}-`))
  try {
    mkdirSync(filesOf(unfinished), { mode: 0o700 })
    mkdirSync(temporaryOf(unfinished), { mode: 0o700 })
    const { stdout } = await run(binary, ['--no-defaults', '--version'])
    if (stdout.includes('MariaDB')) await initialiseMariaDb(unfinished)
    else await initialiseMySql(binary, unfinished)
    await rename(filesOf(unfinished), filesOf(data))
  } catch (error) {
    // Another process may have created them first.
    if (!existsSync(filesOf(data))) throw error
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
}

/** Removes the incomplete files of processes that were killed. */
async function removeAbandoned(data: string): Promise<void> {
  for (const name of await readdir(data)) {
    const pid = /^unfinished-(\d+)-/.exec(name)?.[1]
    if (pid && !isAlive(Number(pid))) await rm(join(data, name), { recursive: true, force: true })
  }
}

/** Uses relative paths, because the installer is a shell script that splits paths at spaces. */
async function initialiseMariaDb(folder: string): Promise<void> {
  const installer = findProgram('mariadb-install-db') ?? findProgram('mysql_install_db')
  if (!installer) throw new Error('mariadb-install-db is not installed.')
  const parameters = [
    '--no-defaults',
    ...asRoot(),
    `--datadir=./${relative(folder, filesOf(folder))}`,
    `--tmpdir=${relative(filesOf(folder), temporaryOf(folder))}`, // relative to datadir, to which it changes
    '--auth-root-authentication-method=normal', // no password: the folder's mode keeps others out
    '--skip-test-db',
  ]
  await run(installer, parameters, { cwd: folder })
}

async function initialiseMySql(binary: string, folder: string): Promise<void> {
  await run(binary, [
    '--no-defaults',
    ...asRoot(),
    '--initialize-insecure',
    '--loose-secure-file-priv=',
    `--datadir=${filesOf(folder)}`,
  ])
}

/** Without this argument, neither server runs as root. */
function asRoot(): string[] {
  return process.getuid?.() === 0 ? ['--user=root'] : []
}

/** @returns false before the first start */
export function hasDatabaseFiles(data: string): boolean {
  return existsSync(filesOf(data))
}

export function filesOf(data: string): string {
  return join(data, 'mysql')
}

/** Not shared, because a MariaDB server deletes all temporary tables in this folder when it starts. */
function temporaryOf(data: string): string {
  return join(data, 'tmp')
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
