import { isIPv6 } from 'node:net'
import type { Config } from './config.ts'
import { Environment } from './settings/environment.ts'

/**
 * @returns the URL at which this machine reaches a server of this configuration. Port 0, any free
 *   one, counts as the default port
 */
export function localUrl({ HOST, PORT }: Pick<Config, 'HOST' | 'PORT'>): string {
  const address = { '0.0.0.0': '127.0.0.1', '::': '::1' }[HOST] ?? HOST
  const port = PORT || Environment.properties.PORT.default
  return `http://${isIPv6(address) ? `[${address}]` : address}:${port}`
}
