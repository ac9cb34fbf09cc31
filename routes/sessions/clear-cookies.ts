import type { FastifyInstance, FastifyReply } from 'fastify'
import type { VerifiedFlaskCookie } from '../../db/queries/used-cookies.ts'

/**
 * Deletes the cookie of the session in the browser, and the Flask cookie if the request carried one.
 *
 * The Flask cookie comes last: curl 7.88 writes the first of two deleted cookies to its jar again. That
 * of the session has no effect, but the Flask service still accepts a Flask cookie.
 */
export function clearCookies(
  { sessionCookie, flaskSessions }: FastifyInstance,
  reply: FastifyReply,
  flaskCookie: VerifiedFlaskCookie | undefined,
): void {
  sessionCookie.clear(reply)
  if (flaskCookie) flaskSessions.clear(reply)
}
