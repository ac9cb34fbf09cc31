import { isIP } from 'node:net'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyRequest {
    /** IPv4 or IPv6, without a zone. */
    readonly clientAddress: string | undefined
  }
}

/** Decorates `request.clientAddress`. */
export default fp(
  async (app) => {
    app.decorateRequest('clientAddress', {
      getter() {
        return clientAddress(this)
      },
    })
  },
  { name: 'client-address' },
)

/**
 * For requests without decorators, which are refused before routing.
 *
 * @returns the client's address as sent by a trusted proxy. If that is no address, the peer's:
 * proxies pass on whatever text a client puts into `X-Forwarded-For`
 */
export function clientAddress({
  ip,
  socket,
}: Pick<FastifyRequest, 'ip' | 'socket'>): string | undefined {
  const { remoteAddress } = socket
  return ip === remoteAddress || !isIP(ip) ? withoutZone(remoteAddress) : withoutZone(ip)
}

/** A zone (RFC 4007) has a meaning on one machine only, and may be of any length. */
function withoutZone(address: string | undefined): string | undefined {
  return address?.includes('%') ? address.split('%', 1)[0] : address
}
