import { BlockList, isIP } from 'node:net'

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
 * An IPv4 address is the same in its IPv6 form, `::ffff:192.0.2.1`.
 *
 * @param ranges addresses and CIDRs, valid for `isAddressRange`
 * @returns whether an address is in one of them; false for a text that is no address
 */
export function toRangeCheck(ranges: readonly string[]): (address: string) => boolean {
  const list = new BlockList()
  for (const range of ranges) {
    const [address = '', prefix] = range.split('/')
    const family = familyOf(address)
    if (family === undefined) continue
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  return (address) => {
    const family = familyOf(address)
    return family !== undefined && list.check(address, family)
  }
}

function familyOf(address: string) {
  const version = isIP(address)
  if (version === 0) return undefined
  return version === 6 ? 'ipv6' : 'ipv4'
}
