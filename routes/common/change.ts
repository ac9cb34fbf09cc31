import type { FastifyRequest } from 'fastify'
import type { Actor, Change } from '../../db/queries/authority.ts'
import type { Origin } from '../../db/queries/events.ts'
import { actorOf } from '../../plugins/auth/auth.ts'

/** The origin of a request, for the audit trail. */
export function originOf(request: FastifyRequest): Origin {
  return { address: request.clientAddress, requestId: request.id }
}

/** A change of a guarded request to the caller's own account. */
export function changeToOwn(request: FastifyRequest): Change<Actor> {
  return changeTo(request, actorOf(request).id)
}

/**
 * A change of a guarded request to an account.
 *
 * @param versions of the account to which the change is limited
 */
export function changeTo(
  request: FastifyRequest,
  userId: number,
  versions?: number[],
): Change<Actor> {
  return { actor: actorOf(request), origin: originOf(request), userId, versions }
}
