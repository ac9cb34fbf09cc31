import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  forwarding,
  silentAfter,
  swallowing,
} from '../../support/faults/database/link-behaviours.ts'
import { arrange, scaled } from '../../support/faults/scene.ts'
import { underFault } from '../../support/faults/under-fault.ts'

const SWALLOWED_S = scaled(6, 20)

test('F13 bytes to the database are swallowed: every pool serves again soon after', async (t: TestContext) => {
  const scene = await arrange(t)
  await underFault(t, scene, `F13 bytes swallowed for ${SWALLOWED_S} s`, async () => {
    scene.link.behave(swallowing)
    await sleep(SWALLOWED_S * 1_000)
    scene.link.behave(forwarding)
  })
})

for (const [when, commands] of [
  ['after the greeting', 0],
  ['after the first set-up statement', 1],
  ['after the second set-up statement', 2],
] as const) {
  test(`F14 the database accepts connections and is silent ${when}: every pool serves again soon after`, async (t: TestContext) => {
    const scene = await arrange(t)
    await underFault(t, scene, `F14 silent ${when} for ${SWALLOWED_S} s`, async () => {
      scene.link.behave(silentAfter(commands))
      scene.link.closeAll()
      await sleep(SWALLOWED_S * 1_000)
      scene.link.behave(forwarding)
    })
  })
}
