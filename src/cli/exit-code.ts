import { CommanderError } from 'commander'
import { describeFailure } from '../process/failure.ts'
import { isClosedPipe, visible } from './output/output.ts'

export const EXIT_OK = 0
export const EXIT_FAILED = 1
export const EXIT_USAGE = 2

/** Wrong usage of a command for which 2 means something else: it is a failure. */
export class FailedUsage extends CommanderError {}

/**
 * Reports why a command ended early, on standard error.
 *
 * @returns the exit code: 0 after `--help`, `--version` and a reader such as `head` that has read
 *   enough, 2 for wrong usage, 1 for a failure
 */
export function reportFailure(error: unknown): number {
  // Commander has printed its own message.
  if (error instanceof CommanderError && error.exitCode === 0) return EXIT_OK
  if (error instanceof FailedUsage) return EXIT_FAILED
  if (error instanceof CommanderError) return EXIT_USAGE
  if (isClosedPipe(error)) return EXIT_OK
  console.error(describeFailure(error).split('\n').map(visible).join('\n'))
  return EXIT_FAILED
}
