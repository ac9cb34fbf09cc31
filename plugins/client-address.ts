import { isIP } from 'node:net'
import type { FastifyRequest } from 'fastify'

/**
 * @returns the address of the client as a trusted proxy tells it, else that of the peer itself:
 * proxies pass on whatever text a client put into `X-Forwarded-For`
 */
export function clientAddress(request: FastifyRequest): string | undefined {
  const { ip, socket } = request
  return isIP(ip) ? withoutZone(ip) : withoutZone(socket.remoteAddress)
}

/** A zone (RFC 4007) means something on one machine only, and may be of any length. */
function withoutZone(address: string | undefined): string | undefined {
  return address?.split('%', 1)[0]
}
