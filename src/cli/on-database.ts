import closeWithGrace from 'close-with-grace'
import type { EmbeddedDatabase } from '../embedded-database/embedded-database.ts'

const CLOSE_TIMEOUT_MS = 10_000
const EXIT_FAILED = 1

/** Does a command's work, and leaves the private server after it: also when a signal ends it. */
export async function leavingAfter(
  embedded: EmbeddedDatabase | undefined,
  work: () => Promise<void>,
): Promise<void> {
  const grace = closeWithGrace({ delay: CLOSE_TIMEOUT_MS }, async ({ signal }) => {
    await embedded?.close()
    if (signal) process.exit(EXIT_FAILED)
  })
  try {
    await work()
  } finally {
    grace.uninstall()
    await embedded?.close()
  }
}
