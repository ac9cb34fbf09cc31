import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { errors } from './errors/errors.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A `GET` that changes state. */
    changesState?: boolean
    /**
     * It answers a proxy about the request of its client, which may come from any site. Its statuses are
     * those that proxies understand.
     */
    forProxies?: boolean
  }
}

export interface CrossSiteOptions {
  /** Origins besides the server's own, such as `https://app.example`. */
  allowedOrigins: string[]
}

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Refuses requests that a page of another origin makes a browser send (OWASP ASVS 5.0, 3.5.1 to
 * 3.5.3): by `Sec-Fetch-Site`, or by `Origin` if a browser doesn't send that. A sibling subdomain
 * is the same site, but often in other hands, so it needs an allowed origin too. Clients that aren't
 * browsers send neither header and pass.
 */
export default fp<CrossSiteOptions>(
  async (app, { allowedOrigins }) => {
    app.addHook('onRequest', (request, _reply, done) => {
      const { headers, method } = request
      // `routeOptions` builds an object at each read: only requests of browsers pay for it.
      if (headers.origin === undefined && headers['sec-fetch-site'] === undefined) return done()
      const { changesState, forProxies } = request.routeOptions.config
      const changes = !forProxies && (!SAFE_METHODS.has(method) || changesState)
      done(changes && isForeign(request, allowedOrigins) ? new errors.CROSS_SITE() : undefined)
    })
  },
  { name: 'cross-site' },
)

function isForeign({ headers, protocol, host }: FastifyRequest, allowed: string[]): boolean {
  const { origin } = headers
  if (origin !== undefined && allowed.includes(origin)) return false
  const site = headers['sec-fetch-site']
  if (site === 'cross-site') return true
  if (site === 'same-origin' || site === 'none') return false
  const isOwn = origin === `${protocol}://${host}`
  // A navigation by GET has no origin: from a sibling it is refused as well.
  if (site === 'same-site') return !isOwn
  // Other values must be ignored (W3C Fetch Metadata, 2.3).
  return origin !== undefined && !isOwn
}
