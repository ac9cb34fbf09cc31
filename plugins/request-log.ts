import fp from 'fastify-plugin'
import { clientAddress } from './client-address.ts'

/**
 * One line a request: what was asked, by whom, from where, how it ended and how long it took
 * (OWASP ASVS 5.0, 16.2.1). The route's pattern stands for the URL, which may hold anything.
 */
export default fp(
  async (app) => {
    app.addHook('onResponse', (request, reply, done) => {
      request.log.info(
        {
          method: request.method,
          route: request.routeOptions.url,
          status: reply.statusCode,
          durationMs: Math.round(reply.elapsedTime * 10) / 10,
          // A login has no actor yet: its session tells whose it is now.
          userId: request.actor?.id ?? request.session?.userId,
          address: clientAddress(request),
        },
        'request',
      )
      done()
    })
  },
  { name: 'request-log', dependencies: ['auth'] },
)
