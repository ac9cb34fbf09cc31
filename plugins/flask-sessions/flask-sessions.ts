import { randomBytes } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { OperationError } from '../../db/connections/errors.ts'
import { digest } from '../../db/digest.ts'
import { exchange } from '../../db/queries/exchange.ts'
import type { SessionLimits } from '../../db/queries/live-sessions.ts'
import type { VerifiedFlaskCookie } from '../../db/queries/used-cookies.ts'
import { workOf } from '../connections/work.ts'
import { cookiePattern, trimValue } from '../sessions/session-cookie.ts'
import { createFlaskVerifier, MAX_AHEAD_MS } from './flask-cookie.ts'

declare module 'fastify' {
  interface FastifyInstance {
    flaskSessions: {
      /** @returns the request's Flask cookie if its signature and age are valid and the exchange is on */
      read(request: FastifyRequest): VerifiedFlaskCookie | undefined
      /**
       * Exchanges the cookie for a session, and sends its cookie with the response.
       *
       * @returns the digest of the session in upper-case hex, or undefined if the cookie is refused
       * @throws an error of the database
       */
      exchange(
        cookie: VerifiedFlaskCookie,
        request: FastifyRequest,
        reply: FastifyReply,
      ): Promise<string | undefined>
      /** Deletes the Flask cookie in the browser. */
      clear(reply: FastifyReply): void
    }
  }
}

export interface FlaskSessionsOptions {
  /** Without it, no cookie is exchanged. */
  exchange?: FlaskExchange | undefined
  limits: SessionLimits
}

export interface FlaskExchange {
  /** `SECRET_KEY` of the Flask service. */
  secretKey: Buffer
  /** How old a cookie can be, in ms. */
  maxAgeMs: number
  /** From then on no cookie is exchanged. */
  until: Date
  /** How long a used cookie still authenticates the session that it was exchanged for, in ms. */
  graceMs: number
}

/** Flask's default SESSION_COOKIE_NAME. */
const NAME = 'session'
/** As the ids of @fastify/session: 32 characters in base64url. */
const SECRET_ID_BYTES = 24

/** Decorates `flaskSessions`: session cookies of a Flask service, whose accounts were imported. */
export default fp<FlaskSessionsOptions>(
  async (app, { exchange: options, limits }) => {
    const { secretKey, maxAgeMs = 0, until, graceMs = 0 } = options ?? {}
    const verify = secretKey && createFlaskVerifier(secretKey, maxAgeMs)
    const endMs = until?.getTime() ?? 0
    const pattern = cookiePattern(NAME)

    app.decorate('flaskSessions', {
      read({ headers: { cookie: header } }) {
        if (!verify || header === undefined) return undefined
        const now = Date.now()
        const sent = now < endMs ? pattern.exec(header)?.[1] : undefined
        if (sent === undefined) return undefined
        const cookie = trimValue(sent)
        const read = verify(cookie, now)
        if (!read) return undefined
        const expiresAt = new Date(read.signedAt.getTime() + maxAgeMs + MAX_AHEAD_MS)
        return { ...read, digest: digest(cookie), expiresAt }
      },
      async exchange(cookie, request, reply) {
        if (!isCookieKept(request, app.sessionCookie.attributes)) return undefined
        const secretId = randomBytes(SECRET_ID_BYTES).toString('base64url')
        // If the client disconnects, the transaction is rolled back: otherwise the client would hold a used
        // cookie and no new one.
        const exchanged = await exchange(workOf(reply).db, cookie, limits, {
          secretId,
          userAgent: request.headers['user-agent'],
          origin: { address: request.clientAddress, requestId: request.id },
          elapsedMs: () => reply.elapsedTime,
          graceMs,
        }).catch((error) => {
          // If it was committed, the client needs the cookie. If not, it still has Flask's.
          const isOpen = error instanceof OperationError && error.code === 'OUTCOME_UNKNOWN'
          if (isOpen && app.sessionCookie.name !== NAME) app.sessionCookie.set(reply, secretId)
          throw error
        })
        if (!exchanged.ok) return undefined
        if (exchanged.isNew) app.sessionCookie.set(reply, secretId)
        return exchanged.sessionDigest.toString('hex').toUpperCase()
      },
      clear(reply) {
        if (app.sessionCookie.name !== NAME) app.sessionCookie.clear(reply, NAME)
      },
    })
  },
  { name: 'flask-sessions', dependencies: ['database', 'session-cookie', 'client-address'] },
)

/**
 * A browser drops a `SameSite=Lax` cookie that another site's page receives, unless the response becomes
 * the page (RFC 6265bis 5.7). An exchange would then log the user out: Flask's cookie may lack `SameSite`.
 */
function isCookieKept({ headers }: FastifyRequest, { sameSite }: { sameSite: string }): boolean {
  if (sameSite !== 'lax' || headers['sec-fetch-site'] !== 'cross-site') return true
  return headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document'
}
