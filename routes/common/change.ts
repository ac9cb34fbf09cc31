import type { FastifyRequest } from 'fastify'
import type { Change } from '../../db/queries/authority.ts'
import type { Origin } from '../../db/queries/events.ts'
import { actorOf } from '../../plugins/auth.ts'
import { clientAddress } from '../../plugins/client-address.ts'
import { wantedVersions } from './entity-tags.ts'

/** Where a request comes from, for the audit trail. */
export function originOf(request: FastifyRequest): Origin {
  return { address: clientAddress(request), requestId: request.id }
}

/** What a guarded request asks to change: something of the actor's own account. */
export function changeToOwn(request: FastifyRequest): Change {
  return changeTo(request, actorOf(request).id)
}

/** What a guarded request asks to change: something of this account. */
export function changeTo(request: FastifyRequest, userId: number): Change {
  return {
    actor: actorOf(request),
    origin: originOf(request),
    userId,
    ...(request.routeOptions.config.condition === 'if-match' && {
      versions: wantedVersions(request),
    }),
  }
}
