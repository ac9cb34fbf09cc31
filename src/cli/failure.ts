import { DrizzleQueryError } from 'drizzle-orm/errors'

/**
 * What a person at a terminal is told of a failure: its reason in a line. Drizzle's own message
 * holds the query's parameters, a password's hash among them; its cause says what the server said.
 */
export function describeFailure(error: unknown): string {
  if (error instanceof DrizzleQueryError) {
    return `The database refused or could not be reached: ${reasonOf(error.cause)}`
  }
  return reasonOf(error)
}

/** Some errors, such as that of several refused addresses, have a code and no message. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.message || ('code' in error ? String(error.code) : error.name)
}
