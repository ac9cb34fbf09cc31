/** `mysql://user:password@`, the hosts, and the rest. */
const PARTS = /^(mysql:\/\/(?:[^/?#]*@)?)([^/?#@]*)(.*)$/s
const DEFAULT_PORT = '3306'

/** @returns the hosts of `mysql://user:password@host:port,host:port/database`, in their order */
export function hostsOf(url: string): string[] {
  const [, , hosts = ''] = PARTS.exec(url) ?? []
  return hosts.split(',').map((host) => host.trim())
}

/** @returns the same text for two names of one address: the case and the default port do not matter */
export function addressOf(host: string): string {
  const { hostname, port } = new URL(`mysql://${host}`)
  return `${hostname.toLowerCase()}:${port || DEFAULT_PORT}`
}

/** @returns each host once, at its first place */
export function withoutDuplicates(hosts: string[]): string[] {
  const addresses = hosts.map(addressOf)
  return hosts.filter((_host, index) => addresses.indexOf(addresses[index] ?? '') === index)
}

/** @returns the URL with other hosts */
export function withHosts(url: string, hosts: string[]): string {
  return url.replace(PARTS, (_all, start, _hosts, rest) => `${start}${hosts.join()}${rest}`)
}

/** @returns the URL without its database, which a user without privileges cannot open */
export function withoutDatabase(url: string): string {
  return url.replace(PARTS, (_all, start, hosts, rest: string) => {
    return `${start}${hosts}${rest.replace(/^\/[^?#]*/, '/')}`
  })
}
