import type { FastifyRequest, onRequestAsyncHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { type Actor, findActor } from '../db/sessions.ts'
import { mayActOn } from '../db/users.ts'
import { errors } from './errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    guard: Record<'session' | 'ownOrAdmin' | 'admin', onRequestAsyncHookHandler>
  }
  interface FastifyRequest {
    /** Who asks; null outside the guarded scopes. */
    actor: Actor | null
  }
}

/**
 * Decorates `guard`, the hooks that open a scope to some only, and `request.actor`.
 *
 * `session` comes first in a scope: it asks the database who the caller is, for every request.
 * `ownOrAdmin` and `admin` narrow a scope within it. They run before the body is read, so that a
 * caller who may not act learns nothing from how the request is checked.
 */
export default fp(
  async (app) => {
    app.decorateRequest('actor', null)
    app.decorate('guard', {
      async session(request) {
        const secretId = app.sessionCookie.read(request)
        const actor = secretId && (await findActor(app.db, secretId))
        if (!actor) throw new errors.UNAUTHENTICATED()
        request.actor = actor
      },
      async ownOrAdmin(request) {
        const { id } = request.params as { id: string } // only on paths with an {id}
        if (!mayActOn(actorOf(request), Number(id))) throw new errors.NOT_PERMITTED()
      },
      async admin(request) {
        if (actorOf(request).role !== 'admin') throw new errors.NOT_PERMITTED()
      },
    })
  },
  { name: 'auth', dependencies: ['database', 'session-cookie'] },
)

/** @throws Error (a 500) if the route is outside the guarded scopes */
export function actorOf(request: FastifyRequest): Actor {
  if (!request.actor) throw new Error(`${request.routeOptions.url} has no guard`)
  return request.actor
}
