import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startDatabaseServer } from '../../support/faults/database/database-server.ts'
import { forwarding, swallowing } from '../../support/faults/database/link-behaviours.ts'
import { checkHealth } from '../../support/faults/health.ts'
import { connectionsTo, createNetwork } from '../../support/faults/machine/network.ts'
import { arrange, scaled, TEMPLATE } from '../../support/faults/scene.ts'
import { POOL_CONNECTIONS } from '../../support/faults/server/gatehouse.ts'
import { underFault } from '../../support/faults/under-fault.ts'

const DROPPED_S = scaled(8, 120)
const COUNT_EVERY_MS = 250

test('F3 packets to the database are dropped: requests are refused in time, and it gets no more connections', async (t: TestContext) => {
  const network = createNetwork(t)
  const place = network && { host: network.address, wrapper: network.wrapper }
  const database = await startDatabaseServer(t, TEMPLATE, place)
  const scene = await arrange(t, { database, isDirect: network !== undefined })
  const count = () => (network ? connectionsTo(database.host, database.port) : scene.link.mostOpen)
  let mostOpen = 0
  await underFault(
    t,
    scene,
    `F3 packets dropped without a FIN for ${DROPPED_S} s`,
    async () => {
      if (network) network.drop()
      else scene.link.behave(swallowing)
      for (let passedMs = 0; passedMs < DROPPED_S * 1_000; passedMs += COUNT_EVERY_MS) {
        await sleep(COUNT_EVERY_MS)
        mostOpen = Math.max(mostOpen, count())
      }
      await checkHealth(scene)
      if (network) network.restore()
      else scene.link.behave(forwarding)
    },
    (row) => {
      row.notes.push(network ? 'in a network namespace' : 'by a proxy: no network namespace')
      row.notes.push(`${mostOpen} connections at most`)
      if (mostOpen > POOL_CONNECTIONS) row.problems.push('more connections than the pool')
    },
  )
})
