import { isIP } from 'node:net'
import type { FastifyRequest } from 'fastify'

/**
 * @returns the address of the client as a trusted proxy tells it, else that of the peer itself:
 * proxies pass on whatever text a client put into `X-Forwarded-For`
 */
export function clientAddress(request: FastifyRequest): string | undefined {
  return isIP(request.ip) ? request.ip : request.socket.remoteAddress
}
