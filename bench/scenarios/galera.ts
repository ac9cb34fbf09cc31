import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startCluster, WHY_NOT } from '../../test/support/faults/cluster/cluster.ts'
import { makeTemplate } from '../../test/support/faults/database/template.ts'
import { fillDatabase } from '../database.ts'
import { reads } from '../load/requests.ts'
import { pin } from '../machine.ts'
import { compare, type Scenario, Unavailable } from '../measure.ts'
import { withServers } from '../servers.ts'

const CONNECTIONS = 64
const ROWS = 1_000

/**
 * Reads on one node of a Galera cluster of three, with and without the wait for what the other nodes
 * have committed. Two processes of the same program differ: the ratio of the second one without the
 * wait shows how much.
 */
export const galera: Scenario = async (context) => {
  if (WHY_NOT) throw new Unavailable(`galera cannot run: ${WHY_NOT}.`)
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-bench-galera-'))
  const ends: (() => void)[] = []
  try {
    context.progress('galera: starting three nodes')
    const template = join(folder, 'template')
    await makeTemplate(template)
    const cluster = await startCluster({ after: (undo) => ends.push(undo) }, template)
    const [node] = cluster.nodes
    if (!node?.pid) throw new Error('the cluster has no node')
    for (const { pid } of cluster.nodes) pin(pid ?? 0, context.cores?.database)
    const accounts = await fillDatabase(node.rootUrl(''), 'bench', ROWS)
    const load = { connections: CONNECTIONS, requests: reads(accounts) }
    const wait = { program: 'gatehouse', url: accounts.url, cores: context.cores?.server } as const
    const none = { ...wait, settings: { DATABASE_CONSISTENCY: 'none' } }
    return await withServers([wait, none, none], ([waiting, other, base]) =>
      compare(
        { ...context, databasePid: node.pid ?? 0 },
        [
          { operation: 'read, Galera (ratio: to the last row)', server: waiting, load },
          { operation: 'read, Galera, no wait, another process', server: other, load },
        ],
        { operation: 'read, Galera, no wait', server: base, load },
      ),
    )
  } finally {
    for (const end of ends) end()
    await rm(folder, { recursive: true, force: true })
  }
}
