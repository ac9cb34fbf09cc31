import type { FastifyInstance, FastifyRequest, onRequestHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { hexDigest } from '../db/digest.ts'
import { type Actor, mayActOn } from '../db/queries/authority.ts'
import type { UserRecord } from '../db/queries/users.ts'
import { type ErrorCode, errors } from './errors/errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    guard: Record<Guard, onRequestHookHandler>
  }
  interface FastifyRequest {
    /** Who asks; null outside the guarded scopes. */
    actor: Actor | null
    /** The account of the path's id, on routes that want it. */
    target: Promise<UserRecord | undefined> | null
  }
  interface FastifyContextConfig {
    /** Has `target` looked up beside the caller, not after. */
    wantsTarget?: boolean
  }
}

type Guard = 'signedIn' | 'session' | 'ownOrAdmin' | 'admin'

/** What the document says of the operations behind a guard. */
const DOCUMENTED: Record<Guard, { error: ErrorCode; security?: Record<string, []>[] }> = {
  signedIn: { error: 'UNAUTHENTICATED', security: [{ session: [] }, { token: [] }] },
  session: { error: 'SESSION_REQUIRED', security: [{ session: [] }] },
  ownOrAdmin: { error: 'NOT_PERMITTED' },
  admin: { error: 'NOT_PERMITTED' },
}

/** RFC 6750 2.1; the scheme's name is in any case (RFC 9110 11.1). */
const BEARER = /^Bearer(?: +(.*))?$/i
const TOKEN = /^gh_[A-Za-z0-9_-]{43}$/

const NOBODY = Promise.resolve(undefined)

/**
 * Decorates `guard`, the hooks that open a scope to some only, and `request.actor`.
 *
 * `signedIn` comes first in a scope: it asks the database, for every request, who the caller is by
 * the cookie or the token. The others narrow a scope within it: `session` to those who came by the
 * cookie. They run before the body is read, so that a caller who may not act learns nothing from
 * how the request is checked.
 */
export default fp(
  async (app) => {
    app.decorateRequest('actor', null)
    app.decorateRequest('target', null)

    /** A request that shows a token is judged by it alone, whatever cookie it has. */
    function identify(request: FastifyRequest): Promise<Actor | undefined> {
      const { authorization } = request.headers
      const bearer = authorization === undefined ? null : BEARER.exec(authorization)
      if (bearer) {
        const [, secret = ''] = bearer
        return TOKEN.test(secret) ? app.lookups.actorByToken(hexDigest(secret)) : NOBODY
      }
      const digest = app.sessionCookie.read(request)
      return digest === undefined ? NOBODY : app.lookups.actorBySession(digest)
    }

    /** What isn't an id is left to the schema, which comes after the guards. */
    function findTarget({ params }: FastifyRequest): Promise<UserRecord | undefined> {
      const id = Number((params as { id: string }).id) // only on paths with an {id}
      if (!Number.isSafeInteger(id)) return NOBODY
      const target = app.lookups.user(id)
      target.catch(() => undefined) // the route may never come to wait for it
      return target
    }

    app.decorate('guard', {
      signedIn(request, _reply, done) {
        if (request.routeOptions.config.wantsTarget) request.target = findTarget(request)
        identify(request).then((actor) => {
          if (!actor) return done(new errors.UNAUTHENTICATED())
          app.lastUsed.note(actor.credential)
          request.actor = actor
          done()
        }, done)
      },
      session(request, _reply, done) {
        const { kind } = actorOf(request).credential
        done(kind === 'session' ? undefined : new errors.SESSION_REQUIRED())
      },
      ownOrAdmin(request, _reply, done) {
        const { id } = request.params as { id: string } // only on paths with an {id}
        done(mayActOn(actorOf(request), Number(id)) ? undefined : new errors.NOT_PERMITTED())
      },
      admin(request, _reply, done) {
        done(actorOf(request).role === 'admin' ? undefined : new errors.NOT_PERMITTED())
      },
    })
  },
  { name: 'auth', dependencies: ['lookups', 'session-cookie', 'last-used'] },
)

/**
 * Opens a scope to some only, and has the document say so. Guards add up: `signedIn` stands in the
 * outermost scope.
 */
export function restrict(scope: FastifyInstance, guard: Guard): void {
  const { error, security } = DOCUMENTED[guard]
  scope.addHook('onRequest', scope.guard[guard])
  scope.addHook('onRoute', (route) => {
    route.config = { ...route.config, errors: [...(route.config?.errors ?? []), error] }
    if (security) route.schema = { ...route.schema, security }
  })
}

/** @throws Error (a 500) if the route is outside the guarded scopes */
export function actorOf(request: FastifyRequest): Actor {
  if (!request.actor) throw new Error(`${request.routeOptions.url} has no guard`)
  return request.actor
}
