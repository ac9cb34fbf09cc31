import type { FastifyInstance } from 'fastify'
import type { Database } from '../../db/client.ts'
import { databaseFault } from '../../db/errors.ts'
import { clearFailures, countAttempt, uncountAttempt } from '../../db/queries/throttle.ts'
import { errors } from '../../plugins/errors/errors.ts'
import type { HashPlace } from '../../plugins/passwords/hash-queue.ts'
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
 * @param check verifies the password, at the place in the hash queue that is kept for it. If it
 *   rejects, the attempt does not count
 * @returns the result of `check`
 * @throws HASH_CAPACITY, LOGIN_THROTTLED, and what `check` throws
 */
export async function attemptPassword<Result extends { ok: boolean }>(
  { passwords, db }: FastifyInstance,
  attempt: Attempt,
  check: (place: HashPlace) => Promise<Result>,
): Promise<Result> {
  const place = passwords.queue.reserve() // before the throttle writes: a flood must not reach it
  try {
    return attempt.throttled
      ? await attemptCounted(db, attempt, () => check(place))
      : await check(place)
  } finally {
    place.leave()
  }
}

/** @param pool the database without the limit of the request */
async function attemptCounted<Result extends { ok: boolean }>(
  pool: Database,
  { db, username, address }: Attempt,
  check: () => Promise<Result>,
): Promise<Result> {
  const range = addressRange(address)
  const waitS = await countAttempt(db, username, range)
  if (waitS > 0) throw new errors.LOGIN_THROTTLED().retryAfter(waitS)
  let result: Result
  try {
    result = await check()
  } catch (error) {
    // Uses the pool, because the limit of the request may have passed. Not awaited after a database
    // error, which would delay the response again.
    const uncounted = uncountAttempt(pool, username, range).catch(() => undefined)
    if (!databaseFault(error)) await uncounted
    throw error
  }
  if (result.ok) await clearFailures(db, username, range)
  return result
}
