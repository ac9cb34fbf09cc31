import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startCluster, WHY_NOT } from '../../support/faults/cluster/cluster.ts'
import { arrangeCluster, underClusterFault } from '../../support/faults/cluster/scene.ts'
import { scaled, TEMPLATE } from '../../support/faults/scene.ts'

const FAULT_MS = scaled(8, 30) * 1_000
/** Connections return to the first node after two checks, at most 6.25 s apart. */
const RETURN_MS = 15_000

test('F12 one node after another is killed: the first one is back when the second one dies', {
  skip: WHY_NOT,
}, async (t: TestContext) => {
  const scene = await arrangeCluster(t, await startCluster(t, TEMPLATE))
  const [first, second] = scene.cluster.nodes
  await underClusterFault(
    t,
    scene,
    'F12 two Galera nodes are killed in turn',
    async () => {
      await first?.kill()
      await sleep(FAULT_MS)
      await first?.join()
      await second?.kill()
      await sleep(FAULT_MS)
      await second?.join()
    },
    { since: 'start' },
  )
})

test('F12 the network of the node that takes the changes is cut: it refuses, and the others go on', {
  skip: WHY_NOT,
}, async (t: TestContext) => {
  const cluster = await startCluster(t, TEMPLATE, { isolated: true })
  const scene = await arrangeCluster(t, cluster)
  await underClusterFault(
    t,
    scene,
    `F12 the network of a Galera node is cut for ${FAULT_MS / 1_000} s`,
    async () => {
      cluster.network?.drop()
      await sleep(FAULT_MS)
      cluster.network?.restore()
      await sleep(RETURN_MS)
    },
    { since: 'start' },
  )
})

test('F12 the node that takes the changes is suspended: the others go on without it, and it comes back', {
  skip: WHY_NOT,
}, async (t: TestContext) => {
  const scene = await arrangeCluster(t, await startCluster(t, TEMPLATE))
  const [writer] = scene.cluster.nodes
  await underClusterFault(
    t,
    scene,
    `F12 a Galera node is stopped by SIGSTOP for ${FAULT_MS / 1_000} s`,
    async () => {
      writer?.suspend()
      await sleep(FAULT_MS)
      writer?.resume()
      await sleep(RETURN_MS)
    },
    { since: 'start' },
  )
})
