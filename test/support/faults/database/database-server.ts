import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, rmSync } from 'node:fs'
import { cp, mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { createConnection, type RowDataPacket } from 'mysql2/promise'
import { findServerBinary } from '../../../../scripts/server-binary.mjs'
import { serverArguments } from '../../../../src/embedded-database/files.ts'
import { until } from '../../until.ts'
import { killNow, undoAtExit } from '../machine/at-exit.ts'
import { freePort } from '../machine/free-port.ts'

/** The user of the server under test. It may not override `read_only` or `max_connections`. */
export const DATABASE_USER = 'gatehouse'
export const DATABASE_PASSWORD = 'the password of the fault tests'

const binary = findServerBinary()

/** Small files, which are quick to copy. */
const ARGUMENTS = [
  '--skip-networking=0',
  '--skip-name-resolve',
  '--default-time-zone=+00:00',
  '--loose-innodb-log-file-size=8M',
  '--innodb-buffer-pool-size=64M',
  '--loose-performance-schema=OFF',
]

interface Place {
  /** The address at which the server listens. */
  host?: string
  /** A command that runs the server elsewhere, such as in a network namespace. */
  wrapper?: string[]
  /** The folder of the files, if they must be on a certain disk. It exists. */
  folder?: string
}

/**
 * Starts a database server with files of its own, on a port and on a socket.
 *
 * @param template the folder whose files are copied
 */
export async function startDatabaseServer(
  t: TestContext,
  template: string,
  place: Place = {},
): Promise<DatabaseServer> {
  const folder = place.folder ?? (await mkdtemp(join(tmpdir(), 'gatehouse-faults-')))
  const host = place.host ?? '127.0.0.1'
  const { wrapper } = place
  const server = new DatabaseServer({ data: folder, host, port: await freePort(), wrapper })
  const undo = () => {
    server.killNow()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  t.after(undoAtExit(undo))
  await cp(template, folder, { recursive: true })
  await server.start()
  return server
}

export interface ServerPlace {
  /** The folder of its files. */
  data: string
  host: string
  port: number
  /** A command that runs the server elsewhere. */
  wrapper?: string[] | undefined
}

/** A database server that a test can kill, suspend and start again. */
export class DatabaseServer {
  readonly host: string
  readonly port: number
  readonly data: string
  readonly #socket: string
  readonly #wrapper: string[]
  #process: ChildProcess | undefined

  constructor({ data, host, port, wrapper = [] }: ServerPlace) {
    this.data = data
    this.host = host
    this.port = port
    this.#socket = join(data, 'server.sock')
    this.#wrapper = wrapper
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  /** For the server under test. */
  url(database = 'gatehouse'): string {
    const password = encodeURIComponent(DATABASE_PASSWORD)
    return `mysql://${DATABASE_USER}:${password}@${this.host}:${this.port}/${database}`
  }

  /** By the socket, with all privileges. */
  rootUrl(database = 'gatehouse'): string {
    return `mysql://root@localhost/${database}?socketPath=${encodeURIComponent(this.#socket)}`
  }

  /**
   * @param more parameters of this start
   * @returns when the server accepts connections
   */
  async start(more: string[] = []): Promise<void> {
    const [command = '', ...before] = [...this.#wrapper, binary ?? 'mariadbd']
    const parameters = [
      ...serverArguments(this.data, this.#socket),
      ...ARGUMENTS,
      `--bind-address=${this.host}`,
      `--port=${this.port}`,
      ...more,
    ]
    const log = openSync(join(this.data, 'server.log'), 'a', 0o600)
    const child = spawn(command, [...before, ...parameters], {
      stdio: ['ignore', log, log],
      env: this.environment(),
    })
    closeSync(log)
    this.#process = child
    await until(
      async () => this.hasExited() || (await this.#accepts()),
      () => `the database server does not start: ${this.data}/server.log`,
    )
    if (!this.hasExited()) return
    throw new Error(await readFile(join(this.data, 'server.log'), 'utf8'))
  }

  /** Ends the process at once, as a crash does. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** Stops it as a service manager does. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM')
  }

  suspend(): void {
    this.#process?.kill('SIGSTOP')
  }

  resume(): void {
    this.#process?.kill('SIGCONT')
  }

  killNow(): void {
    if (!this.hasExited()) killNow(this.pid)
  }

  /** Runs a statement as root, on a connection of its own. @returns the rows, if it has any */
  async query(statement: string, database?: string): Promise<Record<string, unknown>[]> {
    const connection = await createConnection(this.rootUrl(database))
    try {
      const [rows] = await connection.query<RowDataPacket[]>(statement)
      return Array.isArray(rows) ? rows.map((row) => ({ ...row })) : []
    } finally {
      connection.destroy()
    }
  }

  /** @returns a counter of `SHOW GLOBAL STATUS` */
  async counter(name: string): Promise<number> {
    const [row] = await this.query(`SHOW GLOBAL STATUS LIKE '${name}'`)
    return Number(row?.Value)
  }

  /** Closes every connection of a user. */
  async closeConnections(user = DATABASE_USER): Promise<void> {
    const rows = await this.query(
      `SELECT id FROM information_schema.processlist WHERE user = '${user}'`,
    )
    for (const { id } of rows) await this.query(`KILL ${Number(id)}`).catch(() => undefined)
  }

  /** Of the server's process. */
  protected environment(): NodeJS.ProcessEnv {
    return process.env
  }

  hasExited(): boolean {
    const child = this.#process
    return !child || child.exitCode !== null || child.signalCode !== null
  }

  async #accepts(): Promise<boolean> {
    const answer = this.query('SELECT 1', '').then(() => true)
    return answer.catch(() => false)
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process
    if (!child || this.hasExited()) return
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
  }
}
