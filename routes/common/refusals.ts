import type { FastifyInstance } from 'fastify'
import type { Refusal, Refused } from '../../db/queries/authority.ts'
import { errors } from '../../plugins/errors/errors.ts'
import type { ChangeWork } from '../../plugins/idempotency/idempotency.ts'

type Reason =
  | Refusal
  | 'account-disabled'
  | 'limited-token'
  | 'no-password'
  | 'not-a-service'
  | 'token-limit'
  | 'username-taken'
  | 'wrong-current-password'

const ERRORS: Record<Reason, () => Error> = {
  'actor-gone': () => new errors.UNAUTHENTICATED(),
  'not-permitted': () => new errors.NOT_PERMITTED(),
  'not-found': () => new errors.USER_NOT_FOUND(),
  'last-admin': () => new errors.LAST_ADMIN(),
  'account-disabled': () => new errors.ACCOUNT_DISABLED(),
  'limited-token': () => new errors.TOKEN_LIMITED(),
  'own-account': () => new errors.OWN_ACCOUNT(),
  'version-differs': () => new errors.PRECONDITION_FAILED(),
  'no-password': () => new errors.NO_PASSWORD(),
  'not-a-service': () => new errors.NOT_A_SERVICE(),
  'token-limit': () => new errors.TOKEN_LIMIT(),
  'username-taken': () => new errors.USERNAME_TAKEN().at('body.username', 'is taken'),
  'wrong-current-password': () =>
    new errors.WRONG_CURRENT_PASSWORD().at('body.currentPassword', 'is wrong'),
}

export function refusalError(reason: Reason): Error {
  return ERRORS[reason]()
}

/**
 * @param result of a change
 * @param notFound the error for `not-found`, where the change looks for something other than a user
 * @returns the result of a change that was made
 * @throws the error that states why the change was refused
 */
export function accepted<Done extends { ok: true }>(
  result: Done | Refused<Reason>,
  notFound = () => refusalError('not-found'),
): Done {
  if (result.ok) return result
  throw result.reason === 'not-found' ? notFound() : refusalError(result.reason)
}

/**
 * The same for a change that ends access. If it left rows, the sweeper deletes them after the commit.
 *
 * @throws the error that states why the change was refused
 */
export function acceptedEnding<Done extends { ok: true; hasLeftovers: boolean }>(
  { sweeper }: FastifyInstance,
  { afterCommit }: Pick<ChangeWork, 'afterCommit'>,
  result: Done | Refused<Reason>,
): Done {
  const done = accepted(result)
  if (done.hasLeftovers) afterCommit(() => sweeper.wake())
  return done
}
