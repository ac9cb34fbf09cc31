import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { arrange, scaled } from '../../support/faults/scene.ts'
import { expectRecovery, underFault } from '../../support/faults/under-fault.ts'

const KILLS = scaled(3, 20)

test('F1 the database is killed under writes: nothing acknowledged is lost', async (t: TestContext) => {
  const scene = await arrange(t)
  await underFault(t, scene, `F1 kill -9 of the database, ${KILLS} times`, async () => {
    for (let kill = 1; kill <= KILLS; kill++) {
      await sleep(Math.random() * 1_000)
      await scene.database.kill()
      await sleep(500)
      await scene.database.start()
      if (kill < KILLS) await expectRecovery(scene, performance.now())
    }
  })
})
