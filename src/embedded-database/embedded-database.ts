import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Connection } from 'mysql2/promise'
import { enterAsUser, leaveAsUser } from './membership.ts'
import { joinOrStart, START_TIMEOUT_MS, STOP_TIMEOUT_MS, serverPid, stopped } from './server.ts'
import { socketPath } from './socket-path.ts'

const DATABASE = 'gatehouse'

/** The limit for `close`, also where the server is only starting when the process ends. */
export const DATABASE_CLOSE_TIMEOUT_MS = START_TIMEOUT_MS + STOP_TIMEOUT_MS

/**
 * The states of a process with regard to the server:
 *
 * - `joining`: the process connects to the server, and starts it if none runs.
 * - `joined`: the server does not stop, because this process is one of its users.
 * - `leaving`: the process looks for other users. If it is the last, it stops the server.
 * - `left`: the process no longer uses the server.
 * - `lost`: the server has exited while the process used it.
 */
type State = 'joining' | 'joined' | 'leaving' | 'left' | 'lost'

/** The use that this process makes of the private database server of a folder. */
export class EmbeddedDatabase {
  /** For `DATABASE_URL`. */
  readonly url: string
  /** Resolves if the server exits while it is in use. */
  readonly lost: Promise<void>

  #state: State = 'joining'
  #connection: Connection | undefined
  #left: Promise<void> | undefined
  #reportLost: () => void = () => undefined
  readonly #data: string
  readonly #socket: string

  /** @param data the folder, which exists */
  constructor(data: string) {
    this.#data = data
    this.#socket = socketPath(data)
    this.url = `mysql://root@localhost/${DATABASE}?socketPath=${encodeURIComponent(this.#socket)}`
    this.lost = new Promise((done) => {
      this.#reportLost = done
    })
  }

  async join(): Promise<void> {
    const connection = await joinOrStart(this.#data, this.#socket, enterAsUser)
    this.#connection = connection
    this.#state = 'joined'
    connection.on('error', this.#handleEnd)
    connection.on('end', this.#handleEnd)
    try {
      await connection.query(`CREATE DATABASE IF NOT EXISTS ${DATABASE} CHARACTER SET utf8mb4`)
    } catch (error) {
      await this.close()
      throw error
    }
  }

  /** Leaves the server. The last user stops it, and waits until it has exited. */
  readonly close = (): Promise<void> => {
    this.#left ??= this.#leave()
    return this.#left
  }

  async #leave(): Promise<void> {
    if (this.#state !== 'joined' || !this.#connection) return
    this.#state = 'leaving'
    const pid = serverPid(this.#data)
    const hasStopped = await leaveAsUser(this.#connection)
    if (hasStopped && pid !== undefined) await stopped(pid)
    this.#state = 'left'
  }

  readonly #handleEnd = (): void => {
    if (this.#state !== 'joined') return
    this.#state = 'lost'
    this.#reportLost()
  }
}

/**
 * Joins the private database server of a folder, or starts it if none runs there. A server that a
 * killed process left behind is joined like any other, and stops when its last user leaves.
 *
 * @param folder is created if it is missing, with access for its owner only
 * @throws Error if no server is installed, or it does not start: the message names its log
 */
export async function joinEmbeddedDatabase(folder: string): Promise<EmbeddedDatabase> {
  const data = resolve(folder)
  mkdirSync(data, { recursive: true, mode: 0o700 })
  const database = new EmbeddedDatabase(data)
  await database.join()
  return database
}
