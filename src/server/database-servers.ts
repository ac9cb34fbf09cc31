import { Servers } from '../../db/client.ts'
import { hostsOf, withHosts, withoutDuplicates } from '../../db/connections/hosts.ts'
import { type ResolvedConfig, splitList } from '../config/config.ts'
import { describeFailure } from '../process/failure.ts'

const NEEDS =
  'No server can look up callers. DATABASE_READ_HOSTS requires Galera, group replication or TiDB'

/**
 * Connects to the servers once: trying all hosts can take longer than the limit of an operation.
 *
 * @returns the servers that take changes, and those that look up callers: the same by default
 * @throws Error if no server can look up callers. One that takes changes may be missing
 */
export async function databaseServers({
  DATABASE_URL,
  DATABASE_READ_HOSTS,
  DATABASE_CONSISTENCY,
}: Pick<ResolvedConfig, 'DATABASE_URL' | 'DATABASE_READ_HOSTS' | 'DATABASE_CONSISTENCY'>) {
  const changed = new Servers(DATABASE_URL, { consistency: DATABASE_CONSISTENCY })
  // The first query reports the failure.
  await changed.prepare().catch(() => undefined)
  if (DATABASE_READ_HOSTS === undefined) return { changed, read: changed }
  const hosts = [...inRandomOrder(splitList(DATABASE_READ_HOSTS)), ...hostsOf(DATABASE_URL)]
  // Twice in the list, a host that is down would get two attempts to connect each time.
  const url = withHosts(DATABASE_URL, withoutDuplicates(hosts))
  const read = new Servers(url, { consistency: 'wait', purpose: 'reads' })
  try {
    await read.prepare()
  } catch (cause) {
    throw new Error(`${NEEDS}: ${describeFailure(cause)}`, { cause })
  }
  return { changed, read }
}

/** Each process has an order of its own, so that all of them together use all hosts. */
function inRandomOrder(hosts: string[]): string[] {
  return hosts
    .map((host) => ({ host, place: Math.random() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ host }) => host)
}
