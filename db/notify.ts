/**
 * Calls an observer of some work. An observer that throws does not disturb the work: its error becomes
 * a warning of the process, on standard error.
 *
 * @returns what the observer returns, or undefined if it throws
 */
export function notify<Result>(call: () => Result): Result | undefined {
  try {
    return call()
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : String(error))
    return undefined
  }
}
