import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '../clients/client.ts'
import { Observer } from '../clients/observer.ts'
import { signIn } from '../database/sign-in.ts'
import { conclude, rowOf } from '../report.ts'
import { startGatehouse } from '../server/gatehouse.ts'
import { expectRecovery, recovered, recoveryOf, type Scene, startLoad } from '../under-fault.ts'
import type { Cluster } from './cluster.ts'
import type { GaleraNode } from './node.ts'
import { Feed, TokenProbe } from './probes.ts'

/** The load runs this long before the first fault and after the last one. */
const CALM_MS = 2_000

export interface ClusterScene {
  cluster: Cluster
  /** One per instance. Both instances write to the same node, and the second reads through others. */
  scenes: [Scene, Scene]
}

export async function arrangeCluster(t: TestContext, cluster: Cluster): Promise<ClusterScene> {
  const [first, ...others] = cluster.nodes
  const readHosts = others.map(({ host, port }) => `${host}:${port}`).join()
  const url = cluster.url()
  return {
    cluster,
    scenes: [
      await sceneOf(t, first, url, {}),
      await sceneOf(t, first, url, { DATABASE_READ_HOSTS: readHosts }),
    ],
  }
}

/** @param database the node whose data the ledger is compared with */
export async function sceneOf(
  t: TestContext,
  database: GaleraNode | undefined,
  url: string,
  environment: Record<string, string>,
): Promise<Scene> {
  if (!database) throw new Error('a cluster has nodes')
  const server = await startGatehouse(t, url, environment)
  const observer = new Observer()
  const client = new Client(server.url, observer)
  t.after(() => client.close())
  return { database, server, observer, client }
}

/**
 * Runs the mixed load on both instances while a fault happens. Then checks that nothing acknowledged
 * is lost, that nothing was stale on another node, that the feed of events had each of them once, and
 * that all nodes hold the same.
 *
 * @param happen causes the fault, and resolves when it has ended
 * @param since whether the recovery counts from the beginning of the fault or from its end
 */
export async function underClusterFault(
  t: TestContext,
  { cluster, scenes }: ClusterScene,
  fault: string,
  happen: () => Promise<void>,
  { since }: { since: 'start' | 'end' },
): Promise<void> {
  const [first, second] = scenes
  const admin = await signIn(first.database, 'admin')
  const owner = await signIn(first.database, 'user-1099')
  const loads = [await startLoad(t, first), await startLoad(t, second)]
  const probe = new TokenProbe(first.client, second.client, owner)
  const feed = new Feed(second.client, admin)
  const stops = [probe.run(t), feed.run(t)]
  await sleep(CALM_MS)
  const startedAt = performance.now()
  const recoveries = scenes.map((scene) => recovered(scene, startedAt))
  await happen()
  const countedFrom = since === 'start' ? startedAt : performance.now()
  await Promise.all(recoveries)
  for (const scene of scenes) await expectRecovery(scene, countedFrom)
  await sleep(CALM_MS)
  await Promise.all(stops.map((stop) => stop()))
  for (const load of loads) await load.stop()
  while (await feed.readOn());

  for (const [index, scene] of scenes.entries()) {
    const findings = await loads[index]?.ledger.verify(scene.server.url, scene.database)
    const row = rowOf(`${fault}, instance ${index + 1}`, scene.observer, findings)
    row.recovery = recoveryOf(scene, countedFrom).text
    if (index === 1) {
      row.notes.push(`${probe.stale.length} of ${probe.reads} reads stale`)
      row.problems.push(...probe.stale.slice(0, 3))
      row.problems.push(...(await checkFeed(feed, cluster)), ...(await checkNodes(cluster)))
      row.notes.push(`${feed.ids.length} events`)
    }
    conclude(t, row)
  }
}

/** @returns what is wrong with the feed: events that it lacks, repeats, or has in another order */
async function checkFeed({ ids }: Feed, { nodes: [node] }: Cluster): Promise<string[]> {
  const rows = (await node?.query('SELECT id FROM events ORDER BY id')) ?? []
  const read = JSON.stringify(ids)
  const stored = JSON.stringify(rows.map(({ id }) => Number(id)))
  return read === stored ? [] : [`the feed differs: ${ids.length} of ${rows.length} events`]
}

/** @returns the tables that are not the same on all nodes */
async function checkNodes({ nodes }: Cluster): Promise<string[]> {
  const tables = 'users, sessions, tokens, events, event_counter, login_failures'
  const sums = await Promise.all(nodes.map((node) => node.query(`CHECKSUM TABLE ${tables}`)))
  const [first, ...others] = sums.map((rows) => JSON.stringify(rows))
  return others.every((other) => other === first) ? [] : ['the nodes hold different rows']
}
