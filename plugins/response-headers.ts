import fp from 'fastify-plugin'
import helmet from 'helmet'
import { errors } from './errors/errors.ts'

export type Headers = Record<string, string>

export interface ResponseHeadersOptions {
  /** Clients reach this server by TLS only. */
  tls: boolean
}

/**
 * @returns the headers of every response, also of those that are sent before routing
 *
 * Helmet's values (OWASP ASVS 5.0, 3.4) don't depend on the request, so they are computed once.
 * Nothing may be cached, because almost every response depends on the caller.
 */
export function responseHeaders({ tls }: ResponseHeadersOptions): Headers {
  const headers: Headers = { 'cache-control': 'no-store' }
  const middleware = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] },
    },
    referrerPolicy: { policy: 'no-referrer' },
    strictTransportSecurity: tls && { maxAge: 31_536_000, includeSubDomains: false },
    xFrameOptions: { action: 'deny' },
    // For documents, plugins and old browsers: no use for JSON.
    originAgentCluster: false,
    xDnsPrefetchControl: false,
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false,
  })
  // Helmet is middleware for Node's own response, of which it uses these two methods only.
  const recorder = {
    setHeader: (name: string, value: string) => {
      headers[name.toLowerCase()] = value
    },
    removeHeader: () => undefined,
  } as unknown as Parameters<typeof middleware>[1]
  const request = {} as Parameters<typeof middleware>[0] // none of the middleware in use reads it
  middleware(request, recorder, (error) => {
    if (error) throw error
  })
  return headers
}

/**
 * Sets the headers of every response and the request's id. It also refuses a request without
 * `Host` or with two (RFC 9112 3.2), which Node accepts or answers without a body.
 */
export default fp<ResponseHeadersOptions>(
  async (app, options) => {
    const headers = responseHeaders(options)
    app.addHook('onRequest', ({ id, raw }, reply, done) => {
      reply.headers(headers).header('x-request-id', id)
      const isFaulty = raw.httpVersion === '1.1' && countHosts(raw.rawHeaders) !== 1
      done(isFaulty ? new errors.BAD_REQUEST() : undefined)
    })
  },
  { name: 'response-headers' },
)

/** @param rawHeaders names and values in turn */
function countHosts(rawHeaders: string[]): number {
  let hosts = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts++
  }
  return hosts
}
