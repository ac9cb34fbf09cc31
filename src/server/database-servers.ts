import { Servers } from '../../db/client.ts'
import { hostsOf, withHosts } from '../../db/connections/hosts.ts'
import { type ResolvedConfig, splitList } from '../config/config.ts'

/** @returns the servers that take changes, and those that look up callers: the same by default */
export function databaseServers({
  DATABASE_URL,
  DATABASE_READ_HOSTS,
  DATABASE_CONSISTENCY,
}: Pick<ResolvedConfig, 'DATABASE_URL' | 'DATABASE_READ_HOSTS' | 'DATABASE_CONSISTENCY'>) {
  const changed = new Servers(DATABASE_URL, { consistency: DATABASE_CONSISTENCY })
  if (DATABASE_READ_HOSTS === undefined) return { changed, read: changed }
  const hosts = [...inRandomOrder(splitList(DATABASE_READ_HOSTS)), ...hostsOf(DATABASE_URL)]
  const url = withHosts(DATABASE_URL, hosts)
  return { changed, read: new Servers(url, { consistency: 'wait', purpose: 'reads' }) }
}

/** Each process has an order of its own, so that all of them together use all hosts. */
function inRandomOrder(hosts: string[]): string[] {
  return hosts
    .map((host) => ({ host, place: Math.random() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ host }) => host)
}
