import { BlockList, isIP, isIPv6 } from 'node:net'

const MAX_PREFIX = { 4: 32, 6: 128 }

/** @returns whether the text is an address without a zone, or a CIDR (RFC 4632, RFC 4291) */
export function isAddressRange(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/')
  const version = isIP(address)
  const isAddress = (version === 4 || version === 6) && !address.includes('%')
  if (!isAddress || rest.length > 0) return false
  if (prefix === undefined) return true
  return /^(?:0|[1-9][0-9]{0,2})$/.test(prefix) && Number(prefix) <= MAX_PREFIX[version]
}

/**
 * A set of addresses and CIDRs. An IPv4 address is the same in its IPv6 form, `::ffff:192.0.2.1`.
 *
 * @param ranges valid for `isAddressRange`
 */
export class AddressRanges {
  readonly #list = new BlockList()

  constructor(ranges: readonly string[]) {
    for (const range of ranges) {
      const [address = '', prefix] = range.split('/')
      const family = familyOf(address)
      if (prefix === undefined) this.#list.addAddress(address, family)
      else this.#list.addSubnet(address, Number(prefix), family)
    }
  }

  /** @returns false for undefined, and for a text that is no address */
  has(address: string | undefined): boolean {
    if (address === undefined || isIP(address) === 0) return false
    return this.#list.check(address, familyOf(address))
  }
}

function familyOf(address: string) {
  return isIPv6(address) ? 'ipv6' : 'ipv4'
}
