import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import findMyWay from 'find-my-way'
import { renderError, toCodedError } from './error-response.ts'
import { type ErrorCode, errors } from './errors.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The code of the error response; null for a success. */
    errorCode: ErrorCode | null
  }
}

/** Their routes log them: `GET /readyz` when they begin, not at each probe. */
const LOGGED_BY_ROUTE = new Set<ErrorCode>([
  'SCHEMA_OUTDATED',
  'DATABASE_UNAVAILABLE',
  'SHUTTING_DOWN',
  'VERIFY_MISCONFIGURED',
])

/** Sends the response of an error, and logs the cause of a server error. */
export function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply) {
  const coded = toCodedError(error)
  const { code, statusCode } = coded
  request.errorCode = code
  if (statusCode === 503) {
    const { server, log } = request
    if (!LOGGED_BY_ROUTE.has(code)) server.faultLog.report(error, 'request not served', log)
  } else if (statusCode >= 500) request.log.error({ err: error }, 'request failed')
  const { headers, body } = renderError(coded, request.headers.accept)
  const bytes = Buffer.from(body) // Fastify would add a charset to the type of a string
  return reply.code(statusCode).headers(headers).send(bytes)
}

export interface ErrorHandlerOptions {
  /** The maximum length of a path parameter, in characters. */
  maxParamLength: number
}

/**
 * Answers everything that is thrown, unknown paths (404), and known paths with another method (405
 * with `Allow`, RFC 9110 15.5.6). The latter two are refused before the body is read. Register it
 * before the routes.
 */
export default fp<ErrorHandlerOptions>(
  async (app, { maxParamLength }) => {
    // Fastify's router can't list the methods of a path, and refuses unknown methods.
    const paths = findMyWay({ maxParamLength })
    const methods = new Map<string, Set<string>>()
    app.addHook('onRoute', ({ url, method }) => {
      const known = methods.get(url)
      const allowed = known ?? new Set<string>()
      for (const name of [method].flat()) allowed.add(name)
      if (known) return
      methods.set(url, allowed)
      paths.on('GET', url, () => undefined, allowed)
    })

    app.decorateRequest('errorCode', null)
    app.setErrorHandler<FastifyError>((error, request, reply) => sendError(error, request, reply))
    app.setNotFoundHandler(() => {
      throw new errors.ROUTE_NOT_FOUND() // of a route that serves files
    })
    app.addHook('onRequest', (request, reply, done) => {
      if (!request.is404) return done()
      const match = paths.find('GET', pathOf(request.url))
      if (!match) return done(new errors.ROUTE_NOT_FOUND())
      const allowed: Set<string> = match.store
      reply.header('allow', [...allowed].sort().join(', '))
      done(new errors.METHOD_NOT_ALLOWED())
    })
  },
  { name: 'error-handler', dependencies: ['fault-log', 'response-headers'] },
)

/** @returns the URL without its query */
export function pathOf(url: string): string {
  const end = url.indexOf('?')
  return end === -1 ? url : url.slice(0, end)
}
