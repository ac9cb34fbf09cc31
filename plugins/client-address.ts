import { isIP, isIPv4 } from 'node:net'
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
  return address?.includes('%') ? address.split('%', 1)[0] : address
}

/**
 * @param address of either version, or of an IPv4 client as IPv6 has it (`::ffff:192.0.2.1`)
 * @param ipv4Octets how much of an IPv4 address to keep
 * @returns the range: of IPv6 the first 64 bits, which is what one subscriber is given (RFC 6177)
 */
export function addressRange(address = '', ipv4Octets: 3 | 4): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address
  if (isIPv4(mapped)) return mapped.split('.').slice(0, ipv4Octets).join('.')
  const [head = '', tail] = mapped.toLowerCase().split('::')
  const left = head.split(':').filter(Boolean)
  const right = tail?.split(':').filter(Boolean) ?? []
  const gap = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0')
  const groups = tail === undefined ? left : [...left, ...gap, ...right]
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')
}
