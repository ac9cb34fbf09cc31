import type { FastifyInstance, FastifyRequest, onRequestHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { type Actor, mayActOn } from '../../db/queries/authority.ts'
import type { UserRecord } from '../../db/queries/users.ts'
import { type ErrorCode, errors } from '../errors/errors.ts'
import { withError } from '../openapi/declarations.ts'
import type { ReadToken } from './token-format.ts'

declare module 'fastify' {
  interface FastifyInstance {
    guard: Record<Guard, onRequestHookHandler>
  }
  interface FastifyRequest {
    /** The caller; null outside the guarded scopes. */
    actor: Actor | null
    /** The account of the path's id, on routes with `wantsTarget`. */
    target: Promise<UserRecord | undefined> | null
  }
  interface FastifyContextConfig {
    /** Looks up `target` for the caller: in the same query, if the credential is verified. */
    wantsTarget?: boolean
  }
}

type Guard = 'signedIn' | 'session' | 'ownOrAdmin' | 'admin'

/** What a guard adds to the documentation of its routes. */
const DOCUMENTED: Record<Guard, { error: ErrorCode; security?: Record<string, []>[] }> = {
  signedIn: { error: 'UNAUTHENTICATED', security: [{ session: [] }, { token: [] }] },
  session: { error: 'SESSION_REQUIRED', security: [{ session: [] }] },
  ownOrAdmin: { error: 'NOT_PERMITTED' },
  admin: { error: 'NOT_PERMITTED' },
}

/** RFC 6750 2.1. The scheme's name is case-insensitive (RFC 9110 11.1). */
const BEARER = /^Bearer(?: +(.*))?$/i

const NOT_FOUND = Promise.resolve(undefined)

/**
 * Decorates `guard`, the hooks that restrict a scope, and `request.actor`.
 *
 * `signedIn` comes first in a scope: it queries the database for the caller, by the cookie or the
 * token. A request whose credential is missing or malformed causes no query. The other guards
 * narrow a scope within it: `session` excludes token callers. They run before the body is read, so
 * that a caller without permission learns nothing from how the request is validated.
 */
export default fp(
  async (app) => {
    app.decorateRequest('actor', null)
    app.decorateRequest('target', null)

    /**
     * If a request has a token, its cookie is ignored. The account of the path is looked up with a
     * verified credential, and otherwise after the caller is known.
     *
     * @returns undefined if the credential is missing or malformed
     */
    function identify(request: FastifyRequest): Promise<Actor | undefined> | undefined {
      const { authorization } = request.headers
      const bearer = authorization === undefined ? null : BEARER.exec(authorization)
      if (!bearer) {
        const digest = app.sessionCookie.read(request)
        if (digest === undefined) return undefined
        findTarget(request)
        return app.lookups.actorBySession(digest)
      }
      const [, secret = ''] = bearer
      const token = app.tokenFormat.read(secret)
      if (!token) return undefined
      if (!token.isVerified) return identifyUnverified(request, secret, token)
      findTarget(request)
      return app.lookups.actorByToken(token.digest)
    }

    async function identifyUnverified(request: FastifyRequest, secret: string, token: ReadToken) {
      const actor = await app.lookups.actorByUnverifiedToken(token.digest)
      if (!actor) return undefined
      app.tokenFormat.accept(secret, token)
      findTarget(request)
      return actor
    }

    /** An invalid id is refused by the schema, which is checked after the guards. */
    function findTarget(request: FastifyRequest): void {
      if (!request.routeOptions.config.wantsTarget) return
      const id = Number((request.params as { id: string }).id) // only on paths with an {id}
      if (!Number.isSafeInteger(id)) {
        request.target = NOT_FOUND
        return
      }
      request.target = app.lookups.user(id)
      request.target.catch(() => undefined) // a guard may refuse the request before anything awaits it
    }

    app.decorate('guard', {
      signedIn(request, _reply, done) {
        const caller = identify(request)
        if (!caller) return done(new errors.UNAUTHENTICATED())
        caller.then((actor) => {
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
  { name: 'auth', dependencies: ['lookups', 'session-cookie', 'token-format', 'last-used'] },
)

/**
 * Restricts the routes of a scope, and documents the guard's error and security schemes on them.
 * A nested scope runs the guards of its parents first. Add `signedIn` to the outermost scope.
 */
export function restrict(scope: FastifyInstance, guard: Guard): void {
  const { error, security } = DOCUMENTED[guard]
  scope.addHook('onRequest', scope.guard[guard])
  scope.addHook('onRoute', (route) => {
    route.schema = { ...withError(route.schema, error), ...(security && { security }) }
  })
}

/** @throws Error (a 500) if the route is outside the guarded scopes */
export function actorOf(request: FastifyRequest): Actor {
  if (!request.actor) throw new Error(`${request.routeOptions.url} has no guard`)
  return request.actor
}

/**
 * @returns the account of the path's id, or undefined if it does not exist
 * @throws Error (a 500) if the route has no `wantsTarget`
 */
export function targetOf(request: FastifyRequest): Promise<UserRecord | undefined> {
  if (!request.target) throw new Error(`${request.routeOptions.url} has no wantsTarget`)
  return request.target
}
