import type {
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  onRequestHookHandler,
  RouteOptions,
} from 'fastify'
import fp from 'fastify-plugin'
import type { Found } from '../../db/lookups/lookups.ts'
import { type Actor, type Credential, mayActOn } from '../../db/queries/authority.ts'
import type { UserRecord } from '../../db/queries/users.ts'
import { type ErrorCode, errors } from '../errors/errors.ts'
import { withError } from '../openapi/declarations.ts'
import { allows, isOwnScope, mayComeFrom, type OwnScope } from './scopes.ts'
import type { ReadToken } from './token-format.ts'

declare module 'fastify' {
  interface FastifyInstance {
    guard: Record<Guard, onRequestHookHandler>
    /**
     * Queries the database for the caller of a request, by the token or the session cookie.
     *
     * @returns undefined, without a query, if the credential is missing or malformed
     */
    identify(request: FastifyRequest): Promise<Found> | undefined
  }
  interface FastifyRequest {
    /** The caller; null outside the guarded scopes. */
    actor: Actor | null
    /** The account of the path's id; undefined if it does not exist, null without `wantsTarget`. */
    target: UserRecord | undefined | null
  }
  interface FastifyContextConfig {
    /** The guard looks up `target`, in the caller's query if the credential is verified. */
    wantsTarget?: boolean
    /** The scope that a limited token needs; `any` if it needs none, `no-token` if no token may call the operation. */
    scope?: OwnScope | 'any' | 'no-token'
  }
}

type Guard = 'signedIn' | 'session' | 'introspector' | 'ownOrAdmin' | 'admin'

/** What a guard adds to the documentation of its routes. */
const DOCUMENTED: Record<Guard, { error: ErrorCode; security?: Record<string, []>[] }> = {
  signedIn: { error: 'UNAUTHENTICATED', security: [{ sessionCookie: [] }, { bearerToken: [] }] },
  session: { error: 'SESSION_REQUIRED', security: [{ sessionCookie: [] }] },
  introspector: { error: 'NOT_PERMITTED', security: [{ bearerToken: [] }] },
  ownOrAdmin: { error: 'NOT_PERMITTED' },
  admin: { error: 'NOT_PERMITTED' },
}

/** RFC 6750 2.1. The scheme's name is case-insensitive (RFC 9110 11.1). */
const BEARER = /^Bearer(?: +(.*))?$/i

/**
 * Decorates `guard`, the hooks that restrict a scope, and `request.actor`.
 *
 * `signedIn` comes first in a scope: it queries the database for the caller, by the cookie or the
 * token. A request whose credential is missing or malformed causes no query. During a move, a Flask
 * cookie is exchanged for a session if the request has no other credential. The other guards
 * narrow a scope within it: `session` excludes token callers, `introspector` takes only tokens whose
 * scopes name `introspect`. They run before the body is read, so
 * that a caller without permission learns nothing from how the request is validated.
 */
export default fp(
  async (app) => {
    app.decorateRequest('actor', null)
    app.decorateRequest('target', null)

    /**
     * If a request has a token, its cookies are ignored. The account of the path is looked up with a
     * verified credential, and otherwise after the caller is known.
     *
     * @returns undefined if the credential is missing or malformed
     */
    function identify(request: FastifyRequest): Promise<Found> | undefined {
      const bearer = bearerOf(request)
      if (!bearer) {
        const session = app.sessionCookie.read(request.headers)
        if (session === undefined) return undefined
        return app.lookups.find({ session, userId: targetId(request) }, request)
      }
      const [, secret = ''] = bearer
      const token = app.tokenFormat.read(secret)
      if (!token) return undefined
      const finding = token.isVerified
        ? app.lookups.find({ token: token.digest, userId: targetId(request) }, request)
        : identifyUnverified(request, secret, token)
      return finding.then((found) => {
        const { actor } = found
        const isAllowed = !actor || mayComeFrom(actor.credential, request.clientAddress)
        return isAllowed ? found : { actor: undefined, user: undefined }
      })
    }

    /**
     * Exchanges the Flask cookie of a request that has no credential of ours, or one that has ended.
     *
     * @returns undefined if the request has no valid Flask cookie, or has a token
     */
    function identifyByExchange(
      request: FastifyRequest,
      reply: FastifyReply,
    ): Promise<Found> | undefined {
      const cookie = app.flaskSessions.read(request)
      if (!cookie || bearerOf(request)) return undefined
      return app.flaskSessions.exchange(cookie, request, reply).then((session) => {
        if (session === undefined) return { actor: undefined, user: undefined }
        return app.lookups.find({ session, userId: targetId(request) }, request)
      })
    }

    async function identifyUnverified(request: FastifyRequest, secret: string, token: ReadToken) {
      const found = await app.lookups.findUnverified({ token: token.digest }, request)
      if (!found.actor) return found
      app.tokenFormat.accept(secret, token)
      const userId = targetId(request)
      if (userId === undefined) return found
      const { user } = await app.lookups.find({ userId }, request)
      return { actor: found.actor, user }
    }

    /** @returns undefined if the route has no `wantsTarget`, or for an invalid id, which the schema refuses later */
    function targetId(request: FastifyRequest): number | undefined {
      if (!request.routeOptions.config.wantsTarget) return undefined
      const id = Number((request.params as { id: string }).id) // only on paths with an {id}
      return Number.isSafeInteger(id) ? id : undefined
    }

    app.decorate('identify', identify)
    app.decorate('guard', {
      signedIn(request, reply, done) {
        const acceptOr = (otherwise: () => void, found: Promise<Found> | undefined) => {
          if (!found) return otherwise()
          found.then(({ actor, user }) => {
            if (!actor) return otherwise()
            const refusal = refusalOfScope(request, reply, actor.credential)
            if (refusal) return done(refusal)
            app.lastUsed.note(actor.credential)
            request.actor = actor
            request.target = user
            done()
          }, done)
        }
        const refuse = () => done(new errors.UNAUTHENTICATED())
        const exchangeOrRefuse = () => acceptOr(refuse, identifyByExchange(request, reply))
        acceptOr(exchangeOrRefuse, identify(request))
      },
      session(request, _reply, done) {
        const { kind } = actorOf(request).credential
        done(kind === 'session' ? undefined : new errors.SESSION_REQUIRED())
      },
      introspector(request, reply, done) {
        const { credential, role } = actorOf(request)
        if (credential.kind === 'session') return done(new errors.NOT_PERMITTED())
        if (!credential.scopes?.includes('introspect')) {
          return done(scopeMissing(reply, 'introspect'))
        }
        const mayInspect = role === 'admin' || credential.ownerKind === 'service'
        done(mayInspect ? undefined : new errors.NOT_PERMITTED())
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
  {
    name: 'auth',
    dependencies: ['lookups', 'session-cookie', 'token-format', 'last-used', 'flask-sessions'],
  },
)

/** @returns the error of a limited token that lacks the scope of the operation */
function refusalOfScope(
  request: FastifyRequest,
  reply: FastifyReply,
  credential: Credential,
): Error | undefined {
  if (credential.kind === 'session' || credential.scopes === undefined) return undefined
  const { scope = 'no-token' } = request.routeOptions.config
  if (scope === 'no-token') return new errors.SESSION_REQUIRED()
  return scope === 'any' || allows(credential, scope) ? undefined : scopeMissing(reply, scope)
}

/** Sets the challenge of RFC 6750 3. @returns the error to throw */
export function scopeMissing(reply: FastifyReply, scope: string): Error {
  reply.header(
    'www-authenticate',
    `Bearer realm="gatehouse", error="insufficient_scope", scope="${scope}"`,
  )
  return new errors.SCOPE_MISSING(scope)
}

/** @returns the parts of a bearer credential, or null */
function bearerOf({ headers: { authorization } }: FastifyRequest): RegExpExecArray | null {
  return authorization === undefined ? null : BEARER.exec(authorization)
}

/**
 * Restricts the routes of a scope, and documents the guard's error and security schemes on them.
 * A nested scope runs the guards of its parents first. Add `signedIn` to the outermost scope.
 */
export function restrict(scope: FastifyInstance, guard: Guard): void {
  const { error, security } = DOCUMENTED[guard]
  scope.addHook('onRequest', scope.guard[guard])
  scope.addHook('onRoute', (route) => {
    route.schema = { ...withError(route.schema, error), ...(security && { security }) }
    if (guard === 'signedIn') declareScope(route)
  })
}

/** @throws Error at boot if the route does not declare its scope: a limited token could not call it */
function declareScope(route: RouteOptions): void {
  const scope = route.config?.scope
  if (scope === undefined) throw new Error(`${route.url} declares no scope`)
  if (isOwnScope(scope)) route.schema = withError(route.schema, 'SCOPE_MISSING')
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
export function targetOf(request: FastifyRequest): UserRecord | undefined {
  if (request.target === null) throw new Error(`${request.routeOptions.url} has no wantsTarget`)
  return request.target
}
