import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import findMyWay from 'find-my-way'
import { renderError, toCodedError } from './error-response.ts'
import { errors } from './errors.ts'

/** Answers with the one body that errors have, and logs what is our own fault. */
export function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply) {
  const told = toCodedError(error)
  if (told.statusCode === 503) request.log.warn({ err: error }, 'request not served')
  else if (told.statusCode >= 500) request.log.error({ err: error }, 'request failed')
  const { headers, body } = renderError(told, request.headers.accept)
  const bytes = Buffer.from(body) // to text Fastify would add a charset
  return reply.code(told.statusCode).headers(headers).send(bytes)
}

export interface ErrorHandlerOptions {
  /** The longest path parameter that the server routes, in characters. */
  maxParamLength: number
}

/**
 * Makes the answers of everything that is thrown, of unknown paths (404), and of known paths with
 * another method (405 with `Allow`, RFC 9110 15.5.6): these two before a body is read. Register it
 * before the routes.
 */
export default fp<ErrorHandlerOptions>(
  async (app, { maxParamLength }) => {
    // Fastify's own router can't say which methods a path has, nor take methods it doesn't know.
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

    app.setErrorHandler<FastifyError>((error, request, reply) => sendError(error, request, reply))
    app.setNotFoundHandler(() => {
      throw new errors.ROUTE_NOT_FOUND() // of a route whose paths are those of files
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
  { name: 'error-handler', dependencies: ['response-headers'] },
)

function pathOf(url: string): string {
  return url.split('?', 1)[0] ?? url
}
