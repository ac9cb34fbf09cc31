import { userInfo } from 'node:os'
import { type Change, Operator, type Refused } from '../../db/queries/authority.ts'
import type { Origin } from '../../db/queries/events.ts'

/** The origin of a change that a command makes, for the audit trail. */
export function commandOrigin(): Origin {
  return { osUser: osUser() }
}

/** A change that a command makes to an account. */
export function changeByOperator(
  userId: number,
  { force = false }: { force?: boolean } = {},
): Change<Operator> {
  return { actor: new Operator({ mayEndLastAdmin: force }), origin: commandOrigin(), userId }
}

/**
 * @param result of a change to the user
 * @returns the result of a change that was made
 * @throws Error that says why the change was refused
 */
export async function done<Done extends { ok: true }>(
  result: Promise<Done | Refused<string>>,
  { username }: { username: string },
  reasons: Record<string, string> = {},
): Promise<Done> {
  const resolved = await result
  if (resolved.ok) return resolved
  if (resolved.reason === 'last-admin') {
    throw new Error(`${username} is the last enabled admin. Add --force to do it nevertheless.`)
  }
  throw new Error(reasons[resolved.reason] ?? `User ${username} no longer exists.`)
}

/** A container can run as a user id without a name. */
function osUser(): string {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.()}`
  }
}
