import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startCluster, WHY_NOT } from '../../support/faults/cluster/cluster.ts'
import { arrangeCluster, underClusterFault } from '../../support/faults/cluster/scene.ts'
import { scaled, TEMPLATE } from '../../support/faults/scene.ts'

const DEAD_S = scaled(6, 30)

test('F12 the node that takes the changes is killed and comes back: the next one takes them, and nothing is lost or stale', {
  skip: WHY_NOT,
}, async (t: TestContext) => {
  const scene = await arrangeCluster(t, await startCluster(t, TEMPLATE))
  const [writer] = scene.cluster.nodes
  await underClusterFault(
    t,
    scene,
    'F12 a Galera node is killed and comes back',
    async () => {
      await writer?.kill()
      await sleep(DEAD_S * 1_000)
      await writer?.join()
    },
    { since: 'start' },
  )
})
