import { type Config, loadConfig, readEnvironment } from '../config/config.ts'
import { resolveDatabase } from '../config/resolve.ts'
import {
  DATABASE_CLOSE_TIMEOUT_MS,
  type EmbeddedDatabase,
} from '../embedded-database/embedded-database.ts'
import { Shutdown } from '../process/shutdown.ts'
import { EXIT_FAILED } from './exit-code.ts'

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

/**
 * Opens the database of a command, does the command's work, and leaves the private server: also
 * when a signal or an uncaught error ends the process, which then exits with 1.
 *
 * @throws what `open` and `work` throw
 */
export async function leavingAfter<T extends { embedded?: EmbeddedDatabase }>(
  open: () => Promise<T>,
  work: (opened: T) => Promise<void>,
): Promise<void> {
  const shutdown = new Shutdown({ onSignal: EXIT_FAILED })
  try {
    const leave = async ({ embedded }: T) => embedded?.close()
    await work(await shutdown.open(open(), leave, DATABASE_CLOSE_TIMEOUT_MS))
  } finally {
    await shutdown.close()
  }
}
