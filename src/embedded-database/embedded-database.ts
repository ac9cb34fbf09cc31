import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise'
import { findServerBinary } from '../../scripts/server-binary.mjs'
import { initialise, isAlive, serverArguments } from './files.ts'
import { socketPath } from './socket-path.ts'

const DATABASE = 'gatehouse'
const START_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 30_000
const CONNECT_TIMEOUT_MS = 5_000
const POLL_MS = 50
const MAX_ATTEMPTS = 3
/** How long to look for a rival's server after one's own gave up, in ms. */
const RIVAL_TIMEOUT_MS = 5_000
/** The longest that the servers allow, so that the connection that marks a user is never cut. */
const MAX_WAIT_TIMEOUT_S = 31_536_000

export interface EmbeddedDatabase {
  /** For `DATABASE_URL`. */
  url: string
  /** Resolves if the server ends by itself. */
  lost: Promise<void>
  /** Leaves the server, and stops it if nobody else uses it. */
  close(): Promise<void>
}

/**
 * Joins the private database server of a folder, or starts it if none runs there.
 *
 * Each process that uses the server holds one connection for as long as it does, and the last one
 * to leave stops it. The server that the kill of a process left behind is joined like any other.
 * If two start one at once, the lock on the data files lets one of them live; the other is ended,
 * and its process joins.
 *
 * @param folder made where it is missing, readable by its owner only
 * @throws Error if no server is installed, or it doesn't start: the message names its log
 */
export async function joinEmbeddedDatabase(folder: string): Promise<EmbeddedDatabase> {
  const data = resolve(folder)
  mkdirSync(data, { recursive: true, mode: 0o700 })
  const socket = socketPath(data)
  const held = await hold(data, socket)

  let isClosing = false
  const lost = new Promise<void>((done) => {
    held.on('error', () => isClosing || done())
    held.on('end', () => isClosing || done())
  })
  return {
    url: `mysql://root@localhost/${DATABASE}?socketPath=${encodeURIComponent(socket)}`,
    lost,
    async close() {
      isClosing = true
      await leave(held, data)
    },
  }
}

/** Connects for as long as the process runs, which makes it one of the server's users. */
async function hold(data: string, socket: string): Promise<Connection> {
  for (let attempt = 1; ; attempt++) {
    const held = (await connect(socket)) ?? (await start(data, socket))
    try {
      await held.query(`SET SESSION wait_timeout = ${MAX_WAIT_TIMEOUT_S}`)
      await held.query(`CREATE DATABASE IF NOT EXISTS ${DATABASE} CHARACTER SET utf8mb4`)
      return held
    } catch (error) {
      // The last user was just leaving, and the server stops: the next attempt starts it again.
      held.destroy()
      if (attempt === MAX_ATTEMPTS) throw error
    }
  }
}

async function start(data: string, socket: string): Promise<Connection> {
  const binary = findServerBinary()
  if (!binary) throw new Error('no MySQL or MariaDB server is installed')
  await initialise(binary, data)

  const logFile = join(data, 'server.log')
  const log = openSync(logFile, 'a', 0o600)
  // Of its own process group: Ctrl-C must reach Gatehouse alone, which stops the server after use.
  const server = spawn(binary, serverArguments(data, socket), {
    detached: true,
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  server.unref()
  const failed = once(server, 'error').then(([error]) => error as Error)

  let deadline = Date.now() + START_TIMEOUT_MS
  server.once('exit', () => {
    deadline = Math.min(deadline, Date.now() + RIVAL_TIMEOUT_MS)
  })
  while (Date.now() < deadline) {
    const connection = await connect(socket)
    if (connection) {
      const pid = runningPid(data)
      if (pid !== undefined && pid !== server.pid) server.kill('SIGKILL') // a rival has the lock
      return connection
    }
    const error = await Promise.race([failed, sleep(POLL_MS)])
    if (error) throw error
  }
  await stopped(server)
  throw new Error(`the database server did not start; ${logFile} tells why`)
}

/** @returns undefined if no server listens yet, or none is left to */
async function connect(socket: string): Promise<Connection | undefined> {
  if (!existsSync(socket)) return undefined
  try {
    const options = { socketPath: socket, user: 'root', connectTimeout: CONNECT_TIMEOUT_MS }
    const connection = await createConnection(options)
    connection.on('error', () => undefined) // what waits on it is told by its own rejection
    return connection
  } catch {
    return undefined
  }
}

/** A held connection is one without a database: those of the pools have one. */
async function leave(held: Connection, data: string): Promise<void> {
  const pid = runningPid(data)
  try {
    // One at a time: of two that leave at once, the second must not take the first for a user.
    await held.query("SELECT GET_LOCK('gatehouse.leave', 5)")
    await held.query(`USE ${DATABASE}`)
    const [connections] = await held.query<RowDataPacket[]>('SHOW PROCESSLIST')
    if (connections.some(({ User, db }) => User === 'root' && db === null)) return await held.end()
    await held.query('SHUTDOWN')
  } catch {
    // The server is gone already.
  }
  held.destroy()
  if (pid !== undefined) await ended(pid)
}

/** The process id that the server wrote when it was ready. */
function runningPid(data: string): number | undefined {
  try {
    return Number(readFileSync(join(data, 'server.pid'), 'utf8'))
  } catch {
    return undefined
  }
}

async function ended(pid: number): Promise<void> {
  const deadline = Date.now() + STOP_TIMEOUT_MS
  while (isAlive(pid) && Date.now() < deadline) await sleep(POLL_MS)
}

async function stopped(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  server.kill('SIGKILL')
  await once(server, 'exit')
}
