import fp from 'fastify-plugin'

const MAX_PATH_LENGTH = 200

/**
 * Logs one line per request: the caller, the operation, the address, the status and the duration
 * (OWASP ASVS 5.0, 16.2.1). A request that succeeds is logged by the pattern of its route, any
 * other also by its path and the error's code.
 */
export default fp(
  async (app) => {
    app.addHook('onResponse', (request, reply, done) => {
      request.log.info(
        {
          method: request.method,
          route: request.routeOptions.url,
          ...(request.errorCode && { path: loggedPath(request.url), code: request.errorCode }),
          status: reply.statusCode,
          durationMs: Math.round(reply.elapsedTime * 10) / 10,
          // A login has no actor: its session has the user.
          userId: request.actor?.id ?? request.session?.userId,
          address: request.clientAddress,
        },
        'request',
      )
      done()
    })
  },
  { name: 'request-log', dependencies: ['auth', 'client-address', 'error-handler'] },
)

/** @returns the start of the path, without what may hold a secret: origin, query and fragment */
export function loggedPath(url: string): string {
  const [path = ''] = url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '').split(/[?#]/, 1)
  return path.slice(0, MAX_PATH_LENGTH)
}
