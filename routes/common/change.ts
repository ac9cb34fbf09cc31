import type { FastifyRequest } from 'fastify'
import type { Change } from '../../db/queries/authority.ts'
import type { Origin } from '../../db/queries/events.ts'
import { actorOf } from '../../plugins/auth/auth.ts'

/** Where a request comes from, for the audit trail. */
export function originOf(request: FastifyRequest): Origin {
  return { address: request.clientAddress, requestId: request.id }
}

/** What a guarded request asks to change: something of the actor's own account. */
export function changeToOwn(request: FastifyRequest): Change {
  return changeTo(request, actorOf(request).id)
}

/**
 * What a guarded request asks to change: something of this account.
 *
 * @param versions of the account to which the change is limited
 */
export function changeTo(request: FastifyRequest, userId: number, versions?: number[]): Change {
  return { actor: actorOf(request), origin: originOf(request), userId, versions }
}
