import type { FastifyRequest } from 'fastify'
import type { Actor } from '../db/authority.ts'
import type { Origin } from '../db/events.ts'
import { actorOf } from './auth.ts'
import { clientAddress } from './client-address.ts'

/** Who a change is by and where it comes from, for the audit trail. */
export function originOf(request: FastifyRequest): Origin {
  return {
    address: clientAddress(request),
    requestId: request.id,
    ...(request.actor && { actorId: request.actor.id }),
  }
}

/**
 * The actor of a guarded request, with their request's origin.
 *
 * @throws Error (a 500) if the route is outside the guarded scopes
 */
export function changeBy(request: FastifyRequest): { actor: Actor; origin: Origin } {
  return { actor: actorOf(request), origin: originOf(request) }
}
