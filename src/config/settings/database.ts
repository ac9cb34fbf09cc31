import { Type } from '@sinclair/typebox'
import { addressOf, hostsOf, withHosts } from '../../../db/connections/hosts.ts'

/** The settings of the database, a part of `Environment`. */
export const databaseSettings = {
  DATABASE_URL: Type.Optional(
    Type.String({
      format: 'database-url',
      title: '`mysql://user:password@host:port/database`; several hosts are separated by commas',
      description:
        'MySQL, MariaDB, Galera or TiDB database. With several hosts, connections go to the first that takes changes. `npm start` without it runs a private server under `.data/`; the built server requires it',
    }),
  ),
  DATABASE_READ_HOSTS: Type.Optional(
    Type.String({
      format: 'database-hosts',
      title: '`host:port`, separated by commas',
      description:
        'Servers of the same database that look up callers, each process in an order of its own. If none serves, the hosts of `DATABASE_URL` do. Requires an engine that shows on each server what was committed on another: Galera, group replication or TiDB. With another one, the server does not start',
    }),
  ),
  DATABASE_CONSISTENCY: Type.Unsafe<'auto' | 'wait' | 'none'>({
    type: 'string',
    enum: ['auto', 'wait', 'none'],
    default: 'auto',
    title: '`auto`, `wait` or `none`',
    description:
      'Whether statements wait until their server has what was committed on others: `auto` where the engine has several servers, `wait` the same and no other engine is accepted, `none` never, so that an ended session can be valid on another server for a while',
  }),
  DATABASE_TIMEOUT_MS: Type.Integer({
    minimum: 100,
    maximum: 60_000,
    default: 2_000,
    title: '100 to 60000, in milliseconds',
    description:
      'Time limit of the database for one handler, without password hashes. When it passes, the response is a 503. Looking up the caller has its own limit of 2 s',
  }),
}

/** @returns whether it is a MySQL URL with a database, and with one host or several */
export function isDatabaseUrl(text: string): boolean {
  try {
    return hostsOf(text).every((host) => {
      const one = new URL(withHosts(text, [host]))
      const { protocol, hostname, username, password, pathname } = one
      for (const part of [username, password, pathname]) decodeURIComponent(part)
      return protocol === 'mysql:' && hostname !== '' && /^\/[^/]+$/.test(pathname)
    })
  } catch {
    return false
  }
}

/**
 * @param settings as in the environment
 * @returns what is wrong with lists of hosts, each with the name of its setting and without a password
 */
export function hostProblems({ DATABASE_URL, DATABASE_READ_HOSTS }: NodeJS.ProcessEnv): string[] {
  const isUrl = DATABASE_URL !== undefined && isDatabaseUrl(DATABASE_URL)
  const isList = DATABASE_READ_HOSTS !== undefined && isHostList(DATABASE_READ_HOSTS)
  const hosts = isUrl ? hostsOf(DATABASE_URL) : []
  const readHosts = isList ? hostsOf(`mysql://${DATABASE_READ_HOSTS}`) : []
  const [first = ''] = hosts
  const hasSocket =
    isUrl && new URL(withHosts(DATABASE_URL, [first])).searchParams.has('socketPath')
  return [
    ...listProblems('DATABASE_URL', hosts),
    ...listProblems('DATABASE_READ_HOSTS', readHosts),
    ...(hasSocket && hosts.length > 1
      ? ['DATABASE_URL has several hosts and a socketPath, which all of them would use']
      : []),
    ...(hasSocket && isList
      ? ['DATABASE_READ_HOSTS does not go together with a socketPath in DATABASE_URL']
      : []),
  ]
}

function listProblems(setting: string, hosts: string[]): string[] {
  const addresses = hosts.map(addressOf)
  return hosts.flatMap((host, index) => {
    const address = addresses[index] ?? ''
    if (address.endsWith(':0')) return [`${setting} has the port 0: ${host}`]
    const isRepeated = addresses.indexOf(address) < index
    return isRepeated ? [`${setting} has the host ${host} more than once`] : []
  })
}

/** @returns whether it is a list that can stand in the place of the host of a URL */
export function isHostList(text: string): boolean {
  return !/[/?#@]/.test(text) && isDatabaseUrl(withHosts('mysql://user@host/database', [text]))
}
