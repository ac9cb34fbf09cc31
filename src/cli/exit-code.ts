import { CommanderError } from 'commander'
import { describeFailure } from '../process/failure.ts'

export const EXIT_FAILED = 1
export const EXIT_USAGE = 2

/**
 * Reports why a command ended early, on standard error.
 *
 * @returns the exit code: 0 after `--help` and `--version`, 2 for wrong usage, 1 for a failure
 */
export function reportFailure(error: unknown): number {
  // Commander has printed its own message.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE
  console.error(describeFailure(error))
  return EXIT_FAILED
}
