import type { IncomingHttpHeaders } from 'node:http'
import cookie from '@fastify/cookie'
import type { CookieOptions } from '@fastify/session'
import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { FifoMap } from 'toad-cache'
import { hexDigest } from '../../db/digest.ts'

declare module 'fastify' {
  interface FastifyInstance {
    sessionCookie: SessionCookie
  }
}

export interface SessionCookieOptions {
  /** The first secret signs, all verify. Each has at least 32 characters. */
  secrets: string[]
  /** Whether clients reach this server by TLS only. */
  secure: boolean
  /** `none` also sends the cookie with requests of pages on other sites. The default is `lax`. */
  sameSite?: 'lax' | 'none'
  /** How long a browser keeps the cookie of a new session, in seconds. By default, until it closes. */
  maxAgeS?: number | undefined
}

/** How many verified signatures are kept: a verification costs as much as all hooks of a request. */
const VERIFIED_COOKIES = 10_000

export type SessionCookie = ReturnType<typeof createSessionCookie>

/** Decorates `sessionCookie`: its name, attributes and signature. */
export default fp<SessionCookieOptions>(
  async (app, options) => {
    app.decorate('sessionCookie', createSessionCookie(options))
  },
  { name: 'session-cookie' },
)

/** `__Host-` binds the cookie to this host, `Path=/` and TLS (RFC 6265bis 4.1.3.2). */
export function createSessionCookie({
  secrets,
  secure,
  sameSite = 'lax',
  maxAgeS,
}: SessionCookieOptions) {
  const name = secure ? '__Host-session' : 'session'
  const signer = new cookie.Signer(secrets)
  const ours = cookiePattern(name)
  // Holds signatures only. Every request reads from the database whether the session is open.
  const verified = new FifoMap<string>(VERIFIED_COOKIES)
  const attributes = { httpOnly: true, path: '/', sameSite, secure } satisfies CookieOptions
  const maxAge = maxAgeS === undefined ? '' : `Max-Age=${maxAgeS}; `
  // `reply.setCookie` and `reply.clearCookie` exist only in the scope of the login.
  const suffix = [
    'HttpOnly',
    ...(secure ? ['Secure'] : []),
    `SameSite=${sameSite === 'lax' ? 'Lax' : 'None'}`,
  ].join('; ')
  const signedIdOf = (secretId: string) => encodeURIComponent(signer.sign(secretId))

  return {
    name,
    signer,
    attributes,
    /** @returns the cookie of a session, as in the `Cookie` header */
    pairOf: (secretId: string) => `${name}=${signedIdOf(secretId)}`,
    /** Sends the cookie of a session that was opened by this request: `Max-Age` counts from now. */
    set(reply: FastifyReply, secretId: string): void {
      sendOnly(reply, name, `${signedIdOf(secretId)}; ${maxAge}Path=/; ${suffix}`)
    },
    /** @param cookieName the name of a cookie of another service with the same attributes, instead of our own */
    clear(reply: FastifyReply, cookieName = name): void {
      const expires = `Expires=${new Date(0).toUTCString()}`
      sendOnly(reply, cookieName, `; Max-Age=0; Path=/; ${expires}; ${suffix}`)
    },
    /** Forgets the cookie of a request that gets a new one: @fastify/session would also clear it. */
    forget({ cookies }: FastifyRequest): void {
      delete cookies[name]
    },
    /**
     * @returns the SHA-256 of the session's secret id in upper-case hex, or undefined if the cookie
     * is missing or forged
     */
    read({ cookie: header }: Pick<IncomingHttpHeaders, 'cookie'>): string | undefined {
      const sent = header === undefined ? undefined : ours.exec(header)?.[1]
      if (!sent) return undefined
      const known = verified.get(sent)
      if (known !== undefined) return known
      const signed = decode(sent)
      const { valid, value } = signer.unsign(signed)
      if (!valid || !value) return undefined
      const digest = hexDigest(value)
      // Other encodings of the same cookie would fill the cache.
      if (sent === encodeURIComponent(signed)) verified.set(copyOf(sent), digest)
      return digest
    },
  }
}

/**
 * Finds the first cookie of a name, as @fastify/cookie does, without building an object of all cookies.
 *
 * @param name has no character that is special in a pattern
 * @returns a pattern whose only group is the value, maybe with spaces or tabs at the end
 */
export function cookiePattern(name: string): RegExp {
  return new RegExp(`(?:^|;)[ \\t]*${name}[ \\t]*=[ \\t]*([^;]*)`)
}

/** Spaces and tabs at the end are no part of the value of a cookie (RFC 6265 5.2). */
export function trimValue(text: string): string {
  return text.replace(/[ \t]+$/, '')
}

/** Sends a cookie in the place of one of the same name that this response has already. */
function sendOnly(reply: FastifyReply, name: string, rest: string): void {
  const others = [reply.getHeader('set-cookie') ?? []]
    .flat()
    .filter((line) => !String(line).startsWith(`${name}=`))
  reply.removeHeader('set-cookie')
  for (const line of [...others, `${name}=${rest}`]) reply.header('set-cookie', line)
}

function decode(text: string): string {
  const trimmed = trimValue(text)
  try {
    return decodeURIComponent(trimmed)
  } catch {
    return trimmed
  }
}

/** A part of a string keeps the whole string in memory, here a header of up to 16 KiB. */
function copyOf(ascii: string): string {
  return Buffer.from(ascii, 'latin1').toString('latin1')
}
