import { normalizeIP } from '@fastify/rate-limit'

const IPV4_OCTETS = 3

/**
 * @param address IPv4 or IPv6, in any spelling, also IPv4-mapped (`::ffff:192.0.2.1`)
 * @returns the range whose wrong passwords are counted together: /24 of IPv4, /64 of IPv6, which is
 * what one subscriber is given (RFC 6177)
 */
export function addressRange(address = ''): string {
  const normalized = normalizeIP(address)
  return normalized.includes(':') ? normalized : normalized.split('.', IPV4_OCTETS).join('.')
}
