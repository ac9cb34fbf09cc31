import { BlockList, isIP } from 'node:net'

/**
 * @param ranges addresses and CIDRs (RFC 4632, RFC 4291)
 * @returns whether an address is in one of them; false for a text that is no address
 */
export function toRangeCheck(ranges: string[]): (address: string) => boolean {
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
