import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Connection, createConnection } from 'mysql2/promise'
import { findServerBinary } from '../../scripts/server-binary.mjs'
import { initialise, isAlive, serverArguments } from './files.ts'

export const START_TIMEOUT_MS = 60_000
export const STOP_TIMEOUT_MS = 30_000
const CONNECT_TIMEOUT_MS = 5_000
const POLL_MS = 50
/**
 * How long another server may take: to stop before this process starts one, or to listen after
 * the one of this process has failed.
 */
const OTHER_SERVER_TIMEOUT_MS = 5_000

/**
 * Connects to the server, and starts one if none listens. If two processes start one at once, the
 * lock on the data files lets one server start. The process of the other kills its own server.
 *
 * @param enter makes a connection a user; it is called until it returns true
 * @throws Error if no server is installed, or none starts
 */
export async function joinOrStart(
  data: string,
  socket: string,
  enter: (connection: Connection) => Promise<boolean>,
): Promise<Connection> {
  const logFile = join(data, 'server.log')
  const startedAt = Date.now()
  let deadline = startedAt + START_TIMEOUT_MS
  let own: ChildProcess | undefined
  let cause: unknown
  while (Date.now() < deadline) {
    try {
      const connection = await connect(socket)
      if (connection && (await enter(connection))) {
        // Not before: while the other server could stop, this one could take its place.
        if (own && !isServer(own, data)) own.kill('SIGKILL')
        return connection
      }
    } catch (error) {
      cause = error
    }
    if (own?.exitCode === 0) own = undefined // other processes have used and stopped it
    const pid = serverPid(data)
    const isStopping = pid !== undefined && isAlive(pid)
    if (!own && (!isStopping || Date.now() > startedAt + OTHER_SERVER_TIMEOUT_MS)) {
      own = await spawnServer(data, socket, logFile)
      own.once('exit', (code) => {
        if (code !== 0) deadline = Math.min(deadline, Date.now() + OTHER_SERVER_TIMEOUT_MS)
      })
    }
    await sleep(POLL_MS)
  }
  own?.kill('SIGKILL')
  throw new Error(`The private database server did not start. See ${logFile}.`, { cause })
}

/** Waits for the server's process to exit, for 30 s at most. */
export async function stopped(pid: number): Promise<void> {
  const deadline = Date.now() + STOP_TIMEOUT_MS
  while (isAlive(pid) && Date.now() < deadline) await sleep(POLL_MS)
}

/** @returns the process id that the server wrote when it was ready, and deletes when it exits */
export function serverPid(data: string): number | undefined {
  try {
    return Number(readFileSync(join(data, 'server.pid'), 'utf8')) || undefined
  } catch {
    return undefined
  }
}

async function spawnServer(data: string, socket: string, logFile: string): Promise<ChildProcess> {
  const binary = findServerBinary()
  if (!binary) throw new Error('No MySQL or MariaDB server is installed.')
  await initialise(binary, data)
  const log = openSync(logFile, 'a', 0o600)
  // In a process group of its own, so that Ctrl-C reaches Gatehouse alone.
  const server = spawn(binary, serverArguments(data, socket), {
    detached: true,
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  await once(server, 'spawn')
  server.unref()
  return server
}

/** @returns false if the process id in the folder is that of another server */
function isServer({ pid }: ChildProcess, data: string): boolean {
  const running = serverPid(data)
  return running === undefined || running === pid
}

/** @returns undefined if there is no socket */
async function connect(socket: string): Promise<Connection | undefined> {
  if (!existsSync(socket)) return undefined
  const options = { socketPath: socket, user: 'root', connectTimeout: CONNECT_TIMEOUT_MS }
  const connection = await createConnection(options)
  connection.on('error', () => undefined) // the query in flight is rejected with the same error
  return connection
}
