import { closeDatabase, type Database, openDatabase } from '../../db/client.ts'
import { type Config, loadConfig, readEnvironment } from '../config/config.ts'
import { resolveDatabase } from '../config/resolve.ts'
import {
  DATABASE_CLOSE_TIMEOUT_MS,
  type EmbeddedDatabase,
} from '../embedded-database/embedded-database.ts'
import { Shutdown } from '../process/shutdown.ts'
import { EXIT_FAILED, EXIT_OK } from './exit-code.ts'

/** One for the work, and one that renews its lease. */
const CONNECTIONS = 2

/** Runs a command on the database of `DATABASE_URL`, or on the private one. */
export async function withDatabase(
  work: (url: string, config: Config) => Promise<void>,
  config: Config = loadConfig(readEnvironment()),
): Promise<void> {
  await leavingAfter(
    () => resolveDatabase(config),
    ({ url }) => work(url, config),
  )
}

/** Runs a command on connections to that database. */
export async function withConnection(
  work: (db: Database, config: Config) => Promise<void>,
): Promise<void> {
  await withDatabase((url, config) => connected(url, config, (db) => work(db, config)))
}

/**
 * The same for a command that runs until a signal ends it, which is its success.
 *
 * @param work ends soon after the signal aborts
 */
export async function withConnectionUntilSignal(
  work: (db: Database, config: Config, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const config = loadConfig(readEnvironment())
  await leavingAfter(
    () => resolveDatabase(config),
    ({ url }, signal) => connected(url, config, (db) => work(db, config, signal)),
    { onSignal: EXIT_OK },
  )
}

/** @returns what `work` returns */
export async function connected<T>(
  url: string,
  { DATABASE_CONSISTENCY: consistency }: Pick<Config, 'DATABASE_CONSISTENCY'>,
  work: (db: Database) => Promise<T>,
): Promise<T> {
  const db = openDatabase(url, { connections: CONNECTIONS, consistency })
  try {
    return await work(db)
  } finally {
    await closeDatabase(db)
  }
}

/**
 * Opens the database of a command, does the command's work, and leaves the private server: also
 * when a signal or an uncaught error ends the process, which then exits with 1.
 *
 * @param options.onSignal 0 for work that only a signal ends. It is awaited then
 * @throws what `open` and `work` throw
 */
export async function leavingAfter<T extends { embedded?: EmbeddedDatabase }>(
  open: () => Promise<T>,
  work: (opened: T, signal: AbortSignal) => Promise<void>,
  { onSignal = EXIT_FAILED }: { onSignal?: number } = {},
): Promise<void> {
  const shutdown = new Shutdown({ onSignal })
  const stop = new AbortController()
  try {
    const leave = ({ embedded }: T) => embedded?.close()
    const opened = await shutdown.open(open(), leave, {
      name: 'private database',
      timeoutMs: DATABASE_CLOSE_TIMEOUT_MS,
    })
    const working = work(opened, stop.signal)
    if (onSignal === EXIT_OK) {
      const finish = async () => {
        stop.abort()
        await working.catch(() => undefined) // the caller has its error
      }
      shutdown.onClose(finish, { name: 'work' })
    }
    await working
  } finally {
    await shutdown.close()
  }
}
