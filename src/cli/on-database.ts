import {
  DATABASE_CLOSE_TIMEOUT_MS,
  type EmbeddedDatabase,
} from '../embedded-database/embedded-database.ts'
import { Shutdown } from '../process/shutdown.ts'

const EXIT_SIGNALLED = 1

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
  const shutdown = new Shutdown({ onSignal: EXIT_SIGNALLED })
  try {
    const leave = async ({ embedded }: T) => embedded?.close()
    await work(await shutdown.open(open(), leave, DATABASE_CLOSE_TIMEOUT_MS))
  } finally {
    await shutdown.close()
  }
}
