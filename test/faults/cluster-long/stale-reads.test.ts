import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Cluster, startCluster, WHY_NOT } from '../../support/faults/cluster/cluster.ts'
import { Feed, LoginProbe, TokenProbe } from '../../support/faults/cluster/probes.ts'
import { sceneOf } from '../../support/faults/cluster/scene.ts'
import { signIn } from '../../support/faults/database/sign-in.ts'
import { conclude, rowOf } from '../../support/faults/report.ts'
import { scaled, TEMPLATE } from '../../support/faults/scene.ts'
import { startLoad } from '../../support/faults/under-fault.ts'

/** Each is made and ended, so two reads. */
const TOKENS = scaled(500, 2_000)
const LOGINS = scaled(100, 2_000)

test('a token or a login that is made or ended through one node is known to the next read through another', {
  skip: WHY_NOT,
}, async (t: TestContext) => {
  const cluster = await startCluster(t, TEMPLATE)
  const { tokens, logins, observer } = await probeNodes(t, cluster, {})
  const row = rowOf('two instances on two Galera nodes', observer)
  for (const [what, { stale, reads }] of Object.entries({ tokens, logins })) {
    row.notes.push(`${stale.length} of ${reads} reads stale by ${what}`)
    row.problems.push(...stale.slice(0, 3))
  }
  const without = await probeNodes(t, cluster, { DATABASE_CONSISTENCY: 'none' })
  const { stale, reads } = without.tokens
  row.notes.push(`without waiting ${stale.length} of ${reads} by tokens`)
  conclude(t, row)
})

test('changes through two nodes at once, that conflict in the audit trail, are made, and its feed has each event once', {
  skip: WHY_NOT,
}, async (t: TestContext) => {
  const cluster = await startCluster(t, TEMPLATE)
  const [one, two, three] = await Promise.all(
    cluster.nodes.map((node) => sceneOf(t, node, cluster.url([node]), {})),
  )
  if (!one || !two || !three) throw new Error('a cluster has three nodes')
  const admin = await signIn(one.database, 'admin')
  const feed = new Feed(three.client, admin)
  const stop = feed.run(t)
  const loads = [await startLoad(t, one), await startLoad(t, two)]
  await sleep(scaled(8_000, 60_000))
  for (const load of loads) await load.stop()
  await stop()
  while (await feed.readOn());
  const stored = await three.database.query('SELECT id FROM events ORDER BY id')
  for (const [index, scene] of [one, two].entries()) {
    const findings = await loads[index]?.ledger.verify(scene.server.url, scene.database)
    const row = rowOf(`two writers on two Galera nodes, ${index + 1}`, scene.observer, findings)
    row.notes.push(`${await conflictsOf(cluster)} conflicts, ${feed.ids.length} events`)
    if (JSON.stringify(feed.ids) !== JSON.stringify(stored.map(({ id }) => Number(id)))) {
      row.problems.push(`the feed has ${feed.ids.length} of ${stored.length} events`)
    }
    conclude(t, row)
  }
})

async function probeNodes(t: TestContext, cluster: Cluster, environment: Record<string, string>) {
  const [first, second] = cluster.nodes
  if (!first || !second) throw new Error('a cluster has three nodes')
  const writer = await sceneOf(t, first, cluster.url([first]), environment)
  const reader = await sceneOf(t, second, cluster.url([second]), environment)
  const tokens = new TokenProbe(writer.client, reader.client, await signIn(first, 'user-1'))
  const logins = new LoginProbe(writer.client, reader.client, 'user-2')
  for (let token = 0; token < TOKENS; token++) await tokens.once()
  for (let login = 0; login < LOGINS; login++) await logins.once()
  return { tokens, logins, observer: writer.observer }
}

async function conflictsOf({ nodes }: Cluster): Promise<number> {
  const counters = ['wsrep_local_cert_failures', 'wsrep_local_bf_aborts']
  const counts = await Promise.all(
    nodes.flatMap((node) => counters.map((name) => node.counter(name))),
  )
  return counts.reduce((sum, count) => sum + count, 0)
}
