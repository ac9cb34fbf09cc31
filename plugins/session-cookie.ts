import cookie from '@fastify/cookie'
import type { CookieOptions } from '@fastify/session'
import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyInstance {
    sessionCookie: SessionCookie
  }
}

export interface SessionCookieOptions {
  /** The first signs, all verify. At least 32 characters each. */
  secrets: string[]
  /** Clients reach this server by TLS alone. */
  secure: boolean
}

export type SessionCookie = ReturnType<typeof createSessionCookie>

/** The session cookie's name, attributes and signature; decorates `sessionCookie`. */
export default fp<SessionCookieOptions>(
  async (app, options) => {
    app.decorate('sessionCookie', createSessionCookie(options))
  },
  { name: 'session-cookie', dependencies: ['@fastify/cookie'] },
)

/** `__Host-` binds the cookie to this host, `Path=/` and TLS (RFC 6265bis 4.1.3.2). */
export function createSessionCookie({ secrets, secure }: SessionCookieOptions) {
  const name = secure ? '__Host-session' : 'session'
  const signer = new cookie.Signer(secrets)
  const attributes = { httpOnly: true, path: '/', sameSite: 'lax', secure } satisfies CookieOptions

  return {
    name,
    signer,
    attributes,
    clear: (reply: FastifyReply) => reply.clearCookie(name, attributes),
    /** @returns the secret id of the session, or undefined if the cookie is missing or forged */
    read(request: FastifyRequest): string | undefined {
      const signed = request.cookies[name]
      if (!signed) return undefined
      const { valid, value } = signer.unsign(signed)
      return valid && value ? value : undefined
    },
  }
}
