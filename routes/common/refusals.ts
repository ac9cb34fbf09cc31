import type { Refusal } from '../../db/queries/authority.ts'
import { errors } from '../../plugins/errors/errors.ts'

const REFUSALS: Record<Refusal, () => Error> = {
  'actor-gone': () => new errors.UNAUTHENTICATED(),
  'not-permitted': () => new errors.NOT_PERMITTED(),
  'not-found': () => new errors.USER_NOT_FOUND(),
  'own-account': () => new errors.OWN_ACCOUNT(),
  'version-differs': () => new errors.PRECONDITION_FAILED(),
}

/**
 * @param outcome of a change
 * @param notFound told in place of USER_NOT_FOUND, where something else was looked for
 * @returns the outcome, if the change wasn't refused
 * @throws what a refusal is told as
 */
export function permitted<Outcome>(
  outcome: Outcome | Refusal,
  notFound = REFUSALS['not-found'],
): Exclude<Outcome, Refusal> {
  if (outcome === 'not-found') throw notFound()
  if (isRefusal(outcome)) throw REFUSALS[outcome]()
  return outcome as Exclude<Outcome, Refusal> // no refusal: just so
}

function isRefusal(outcome: unknown): outcome is Refusal {
  return typeof outcome === 'string' && Object.hasOwn(REFUSALS, outcome)
}
