import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { occupy } from '../../support/faults/database/occupy.ts'
import { expectReads } from '../../support/faults/rates.ts'
import { arrange, scaled } from '../../support/faults/scene.ts'
import { expectRecovery, underFault } from '../../support/faults/under-fault.ts'

const FAULT_S = scaled(3, 15)
const CUTS = scaled(2, 10)

test('F5 the database has too many connections: requests are refused until it has less', async (t: TestContext) => {
  const scene = await arrange(t)
  await underFault(t, scene, `F5 too many connections for ${FAULT_S} s`, async () => {
    const release = await occupy(scene.database)
    scene.link.closeAll()
    await sleep(FAULT_S * 1_000)
    await release()
  })
})

test('F5 the database cuts its connections: requests are served again by new ones', async (t: TestContext) => {
  const scene = await arrange(t)
  await underFault(t, scene, `F5 connections cut by the server, ${CUTS} times`, async () => {
    for (let cut = 1; cut <= CUTS; cut++) {
      await scene.database.closeConnections()
      await expectRecovery(scene, performance.now())
    }
  })
})

test('F5 the database turns read-only: writes are refused, and reads go on', async (t: TestContext) => {
  const scene = await arrange(t)
  let startedAt = 0
  let endedAt = 0
  await underFault(
    t,
    scene,
    `F5 read-only for ${FAULT_S} s`,
    async () => {
      await scene.database.query('SET GLOBAL read_only = 1')
      startedAt = performance.now()
      await sleep(FAULT_S * 1_000)
      endedAt = performance.now()
      await scene.database.query('SET GLOBAL read_only = 0')
    },
    (row) => {
      expectReads(row, scene, startedAt)
      const writes = scene.observer
        .seen('write', startedAt)
        .filter(({ at, ms }) => at - ms > startedAt && at < endedAt)
      const accepted = writes.filter(({ status }) => status < 300)
      if (writes.length === 0) row.problems.push('no write was tried')
      if (accepted.length > 0) row.problems.push(`${accepted.length} writes are acknowledged`)
    },
  )
})
