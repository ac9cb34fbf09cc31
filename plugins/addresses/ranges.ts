import { BlockList, isIP, isIPv6 } from 'node:net'

const MAX_PREFIX = { 4: 32, 6: 128 }
/** Of `::ffff:0:0/96`, the IPv4 addresses in their IPv6 form (RFC 4291 2.5.5.2). */
const MAPPED_PREFIX = 96

/**
 * A CIDR of IPv6 that contains all IPv4 addresses in their IPv6 form, such as `::ffff:192.0.2.0/24`, is none: it
 * means something else, or admits everybody. `::/0` means every address of IPv6.
 *
 * @returns whether the text is an address without a zone, or a CIDR (RFC 4632, RFC 4291)
 */
export function isAddressRange(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/')
  const version = isIP(address)
  const isAddress = (version === 4 || version === 6) && !address.includes('%')
  if (!isAddress || rest.length > 0) return false
  if (prefix === undefined) return true
  if (!/^(?:0|[1-9][0-9]{0,2})$/.test(prefix) || Number(prefix) > MAX_PREFIX[version]) return false
  return version === 4 || prefix === '0' || !containsMapped(address, Number(prefix))
}

/**
 * A set of addresses and CIDRs. An IPv4 address is the same in its IPv6 form, `::ffff:192.0.2.1`. Other ranges of
 * IPv6 contain no address of IPv4.
 *
 * @param ranges valid for `isAddressRange`
 */
export class AddressRanges {
  /** Of IPv4, and of IPv4 in its IPv6 form. */
  readonly #ipv4 = new BlockList()
  readonly #ipv6 = new BlockList()

  constructor(ranges: readonly string[]) {
    for (const range of ranges) {
      const [address = '', prefix] = range.split('/')
      const family = familyOf(address)
      const isMapped = Number(prefix ?? MAPPED_PREFIX) >= MAPPED_PREFIX && isMappedAddress(address)
      const list = family === 'ipv4' || isMapped ? this.#ipv4 : this.#ipv6
      if (prefix === undefined) list.addAddress(address, family)
      else list.addSubnet(address, Number(prefix), family)
    }
  }

  /** @returns false for undefined, and for a text that is no address */
  has(address: string | undefined): boolean {
    if (address === undefined || isIP(address) === 0) return false
    const family = familyOf(address)
    const list = family === 'ipv4' || isMappedAddress(address) ? this.#ipv4 : this.#ipv6
    return list.check(address, family)
  }
}

function familyOf(address: string) {
  return isIPv6(address) ? 'ipv6' : 'ipv4'
}

const MAPPED = new BlockList()
MAPPED.addSubnet('::ffff:0.0.0.0', MAPPED_PREFIX, 'ipv6')

/** @returns whether it is an IPv4 address in its IPv6 form */
function isMappedAddress(address: string): boolean {
  return isIPv6(address) && MAPPED.check(address, 'ipv6')
}

function containsMapped(address: string, prefix: number): boolean {
  if (prefix >= MAPPED_PREFIX) return false
  const range = new BlockList()
  range.addSubnet(address, prefix, 'ipv6')
  return range.check('::ffff:0.0.0.0', 'ipv6')
}
