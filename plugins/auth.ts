import type { FastifyRequest, onRequestAsyncHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { type Actor, mayActOn } from '../db/authority.ts'
import { findActorBySession, type SessionLimits } from '../db/sessions.ts'
import { findActorByToken } from '../db/tokens.ts'
import { errors } from './errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    guard: Record<'signedIn' | 'session' | 'ownOrAdmin' | 'admin', onRequestAsyncHookHandler>
  }
  interface FastifyRequest {
    /** Who asks; null outside the guarded scopes. */
    actor: Actor | null
  }
}

/** RFC 6750 2.1; the scheme's name is in any case (RFC 9110 11.1). */
const BEARER = /^Bearer(?: +(.*))?$/i
const TOKEN = /^gh_[A-Za-z0-9_-]{43}$/

/**
 * Decorates `guard`, the hooks that open a scope to some only, and `request.actor`.
 *
 * `signedIn` comes first in a scope: it asks the database, for every request, who the caller is by
 * the cookie or the token. The others narrow a scope within it: `session` to those who came by the
 * cookie. They run before the body is read, so that a caller who may not act learns nothing from
 * how the request is checked.
 */
export default fp<SessionLimits>(
  async (app, limits) => {
    app.decorateRequest('actor', null)

    /** A request that shows a token is judged by it alone, whatever cookie it has. */
    async function identify(request: FastifyRequest): Promise<Actor | undefined> {
      const bearer = BEARER.exec(request.headers.authorization ?? '')
      if (bearer) {
        const [, secret = ''] = bearer
        return TOKEN.test(secret) ? findActorByToken(app.db, secret) : undefined
      }
      const secretId = app.sessionCookie.read(request)
      return secretId === undefined ? undefined : findActorBySession(app.db, secretId, limits)
    }

    app.decorate('guard', {
      async signedIn(request) {
        const actor = await identify(request)
        if (!actor) throw new errors.UNAUTHENTICATED()
        app.lastUsed.note(actor.credential)
        request.actor = actor
      },
      async session(request) {
        if (actorOf(request).credential.kind !== 'session') throw new errors.SESSION_REQUIRED()
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
  { name: 'auth', dependencies: ['database', 'session-cookie', 'last-used'] },
)

/** @throws Error (a 500) if the route is outside the guarded scopes */
export function actorOf(request: FastifyRequest): Actor {
  if (!request.actor) throw new Error(`${request.routeOptions.url} has no guard`)
  return request.actor
}
