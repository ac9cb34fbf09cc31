/** @returns an IPv4 address that is written as IPv6 (RFC 4291 2.5.5.2) as IPv4 */
export function withoutMapping(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '')
}
