import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { checkHealth } from '../../support/faults/health.ts'
import { arrange, scaled } from '../../support/faults/scene.ts'
import { POOL_CONNECTIONS } from '../../support/faults/server/gatehouse.ts'
import { underFault } from '../../support/faults/under-fault.ts'

const STOPPED_S = scaled(8, 60)
/** Longer than a client waits, and shorter than a deadline of the server may be. */
const CLIENT_WAITS_MS = 1_000

test('F2 the database is suspended: requests are refused in time, it gets no more connections, and nothing is done for clients that left', async (t: TestContext) => {
  const scene = await arrange(t)
  await underFault(
    t,
    scene,
    `F2 database stopped by SIGSTOP for ${STOPPED_S} s, clients that hang up`,
    async (load) => {
      scene.database.suspend()
      await load.hangUp(CLIENT_WAITS_MS)
      await sleep(STOPPED_S * 500 - CLIENT_WAITS_MS)
      await checkHealth(scene)
      await sleep(STOPPED_S * 500)
      scene.database.resume()
    },
    (row) => {
      row.notes.push(`${scene.link.mostOpen} connections at most`)
      if (scene.link.mostOpen > POOL_CONNECTIONS)
        row.problems.push('more connections than the pool')
    },
  )
})
