import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startCluster, WHY_NOT } from '../../support/faults/cluster/cluster.ts'
import type { GaleraNode } from '../../support/faults/cluster/node.ts'
import { arrangeCluster, underClusterFault } from '../../support/faults/cluster/scene.ts'
import { scaled, TEMPLATE } from '../../support/faults/scene.ts'

const PAUSE_MS = scaled(4, 20) * 1_000

test('F12 all nodes are restarted, one after the other, as for an upgrade', {
  skip: WHY_NOT,
}, async (t: TestContext) => {
  const scene = await arrangeCluster(t, await startCluster(t, TEMPLATE))
  await underClusterFault(
    t,
    scene,
    'F12 a rolling restart of three Galera nodes',
    async () => {
      for (const node of scene.cluster.nodes) {
        await node.stop()
        await node.join()
        await sleep(PAUSE_MS)
      }
    },
    { since: 'start' },
  )
})

test('F12 all nodes are killed at once: after the start of the most recent one nothing is lost', {
  skip: WHY_NOT,
}, async (t: TestContext) => {
  const scene = await arrangeCluster(t, await startCluster(t, TEMPLATE))
  const { nodes } = scene.cluster
  await underClusterFault(
    t,
    scene,
    'F12 all Galera nodes are killed at once, and started again',
    async () => {
      await Promise.all(nodes.map((node) => node.kill()))
      await sleep(PAUSE_MS)
      const [first, ...others] = await byRecency(nodes)
      await first?.startCluster()
      await Promise.all(others.map((node) => node.join()))
    },
    { since: 'end' },
  )
})

/** The node with the last change has to start the cluster, or that change is lost. */
async function byRecency(nodes: GaleraNode[]): Promise<GaleraNode[]> {
  const known = await Promise.all(
    nodes.map(async (node) => ({ node, seqno: (await node.recover()).seqno })),
  )
  return known.toSorted((a, b) => b.seqno - a.seqno).map(({ node }) => node)
}
