import rateLimit from '@fastify/rate-limit'
import fp from 'fastify-plugin'
import { clientAddress } from './client-address.ts'
import { errors } from './errors.ts'

/** Far above what one client needs, and far below what stops a server. */
const REQUESTS = 6_000
const WINDOW_MS = 60_000

/** Holds each address to a number of requests, counted in this process, before anything dear. */
export default fp(
  async (app) => {
    await app.register(rateLimit, {
      global: false, // it would hook into each route, behind the guards
      max: REQUESTS,
      timeWindow: WINDOW_MS,
      enableDraftSpec: true, // the names of the IETF's draft: `ratelimit-limit` and so on
      keyGenerator: (request) => clientAddress(request) ?? '',
      errorResponseBuilder: () => new errors.TOO_MANY_REQUESTS(),
    })
    app.addHook('onRequest', app.rateLimit())
  },
  { name: 'rate-limit', dependencies: ['response-headers'] },
)
