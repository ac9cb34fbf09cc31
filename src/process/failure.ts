import { isIPv6 } from 'node:net'
import { DrizzleQueryError } from 'drizzle-orm/errors'
import { isSchemaFault } from '../../db/errors.ts'

/** What Node adds to an error of `listen`, and the start of the names of the settings it concerns. */
type ListenError = NodeJS.ErrnoException & { address?: string; port?: number; settings?: string }

const SCHEMA_OUTDATED =
  'The database schema is missing or older than this version. Run `gatehouse migrate`.'

/**
 * Describes a failure in one line for a person at a terminal, without a stack. The message of a
 * Drizzle error holds the query's parameters, such as password hashes, so its cause is used.
 */
export function describeFailure(error: unknown): string {
  if (error instanceof DrizzleQueryError) {
    if (isSchemaFault(error)) return SCHEMA_OUTDATED
    return `The database refused or could not be reached: ${reasonOf(error.cause)}`
  }
  return (isListenError(error) && listenReasonOf(error)) || reasonOf(error)
}

function isListenError(error: unknown): error is ListenError {
  return error instanceof Error && 'syscall' in error && error.syscall === 'listen'
}

function listenReasonOf({
  code,
  address = '',
  port,
  settings = '',
}: ListenError): string | undefined {
  const target = `${isIPv6(address) ? `[${address}]` : address}:${port}`
  switch (code) {
    case 'EADDRINUSE':
      return `${settings}PORT ${port} is in use: another process listens on ${target}. Set ${settings}PORT to a free port.`
    case 'EACCES':
      return `${settings}PORT ${port} is not allowed: this user may not listen on ${target}. Set ${settings}PORT to 1024 or above.`
    case 'EADDRNOTAVAIL':
      return `${settings}HOST ${address} is not an address of this machine. Set ${settings}HOST to one that is.`
    default:
      return undefined
  }
}

/** Some errors, such as that of several refused addresses, have a code and no message. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.message || ('code' in error ? String(error.code) : error.name)
}
