import { METHODS } from 'node:http'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Actor } from '../../db/queries/authority.ts'
import { scopeMissing } from '../../plugins/auth/auth.ts'
import { allows } from '../../plugins/auth/scopes.ts'
import { sendError } from '../../plugins/errors/error-handler.ts'
import { toCodedError } from '../../plugins/errors/error-response.ts'
import { errors } from '../../plugins/errors/errors.ts'
import { identityHeaders } from './identity.ts'
import { type Requirements, readRequirements } from './requirements.ts'
import { verifySchema } from './schemas.ts'

const MS_PER_S = 1_000
/** Proxies make a 500 of others, or pass them on as if the service behind them had answered. */
const STATUSES = [401, 403, 503]
const MAX_LOGGED = 200

/**
 * `/verify` with any method, and any path below it: reports to a reverse proxy who sent a request.
 *
 * The response is 200, 401, 403 or 503. It is sent before the body is read, sets no cookie, and waits for
 * no write.
 */
export default (async (app) => {
  const { failureLimit } = app

  /** @returns the caller; undefined if there is none and the operator allows that */
  async function verify(
    request: FastifyRequest,
    { allowsAnonymous }: Requirements,
  ): Promise<Actor | undefined> {
    const blockedMs = failureLimit?.blockedMs(request) ?? 0
    if (blockedMs > 0) {
      if (allowsAnonymous) return undefined
      throw new errors.VERIFY_LIMITED().retryAfter(blockedMs / MS_PER_S)
    }
    const finding = app.identify(request)
    const actor = finding && (await finding).actor
    if (actor) {
      app.lastUsed.note(actor.credential)
      return actor
    }
    // A visitor without a credential costs no query, and is no failure.
    if (finding) {
      failureLimit
        ?.note(request)
        .catch((error) => app.faultLog.report(error, 'a failure was not counted'))
    }
    if (allowsAnonymous) return undefined
    throw new errors.UNAUTHENTICATED()
  }

  app.addHook('onRequest', async (request, reply) => {
    const requirements = readRequirements(request.url, request.headers['x-forwarded-uri'])
    if (!requirements) {
      const error = new Error(`unknown or contradictory: ${parametersOf(request.url)}`)
      app.faultLog.report(error, 'a proxy is misconfigured', request.log)
      throw new errors.VERIFY_MISCONFIGURED()
    }
    const actor = await verify(request, requirements)
    request.actor = actor ?? null
    if (actor) check(actor, requirements, reply)
    return reply.headers(identityHeaders(actor)).send()
  })

  app.setErrorHandler((error, request, reply) => {
    const { statusCode } = toCodedError(error)
    if (STATUSES.includes(statusCode)) return sendError(error, request, reply)
    if (statusCode >= 500) request.log.error({ err: error }, 'request failed')
    return sendError(new errors.SERVICE_UNAVAILABLE(), request, reply)
  })

  const route = {
    url: '/verify',
    exposeHeadRoute: false,
    config: { rateLimit: false, forProxies: true, cors: false } as const,
    handler: () => undefined, // the hook has answered
  }
  for (const method of METHODS) {
    if (!app.supportedMethods.includes(method) && method !== 'CONNECT') app.addHttpMethod(method)
  }
  app.route({ ...route, method: 'GET', schema: verifySchema })
  for (const method of app.supportedMethods) {
    if (method !== 'GET' && method !== 'CONNECT') app.route({ ...route, method })
  }
}) satisfies FastifyPluginAsyncTypebox

/** @returns the names of the parameters: a proxy can send those of its client, whose values may be secrets */
function parametersOf(url: string): string {
  const [, query = ''] = url.split('?', 2)
  return [...new URLSearchParams(query).keys()].join(', ').slice(0, MAX_LOGGED)
}

/** @throws ROLE_MISSING or SCOPE_MISSING */
function check(actor: Actor, { role, scopes }: Requirements, reply: FastifyReply): void {
  if (role === 'admin' && actor.role !== 'admin') throw new errors.ROLE_MISSING(role)
  const missing = scopes.find((scope) => !allows(actor.credential, scope))
  if (missing !== undefined) throw scopeMissing(reply, missing)
}
