import type { FastifyInstance } from 'fastify'
import type { Database } from '../../db/client.ts'
import { databaseFault } from '../../db/errors.ts'
import { clearFailures, countAttempt, uncountAttempt } from '../../db/queries/throttle.ts'
import { errors } from '../../plugins/errors/errors.ts'
import { addressRange } from './address-range.ts'

export interface ThrottleOptions {
  /** Whether wrong passwords delay the next attempt on their account. */
  throttled: boolean
}

interface Attempt extends ThrottleOptions {
  db: Database
  /** The name of the account, which may not exist. */
  username: string
  /** Of the client. */
  address: string | undefined
}

/**
 * Checks a password as a counted attempt: one that is wrong delays the next attempt on the account,
 * by whatever operation, and one that is right resets the count.
 *
 * @param check verifies the password. If it rejects, the attempt does not count
 * @returns the result of `check`
 * @throws HASH_CAPACITY, LOGIN_THROTTLED, and what `check` throws
 */
export async function attemptPassword<Result extends { ok: boolean }>(
  { passwords, db: ownDb }: FastifyInstance,
  { throttled, db, username, address }: Attempt,
  check: () => Promise<Result>,
): Promise<Result> {
  passwords.queue.assertCapacity() // before the throttle writes: a flood must not reach it
  if (!throttled) return check()
  const range = addressRange(address)
  const waitS = await countAttempt(db, username, range)
  if (waitS > 0) throw new errors.LOGIN_THROTTLED().retryAfter(waitS)
  let result: Result
  try {
    result = await check()
  } catch (error) {
    // Not on the request's view: its limit may have passed, or its client be gone.
    const uncounted = uncountAttempt(ownDb, username, range).catch(() => undefined)
    if (!databaseFault(error)) await uncounted
    throw error
  }
  if (result.ok) await clearFailures(db, username, range)
  return result
}
