import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '../../support/faults/clients/client.ts'
import { Observer } from '../../support/faults/clients/observer.ts'
import { repeat } from '../../support/faults/clients/repeat.ts'
import { signIn } from '../../support/faults/database/sign-in.ts'
import { killNow } from '../../support/faults/machine/at-exit.ts'
import { conclude, rowOf } from '../../support/faults/report.ts'
import { arrange, scaled } from '../../support/faults/scene.ts'
import { startGatehouse } from '../../support/faults/server/gatehouse.ts'
import { recoveryOf, startLoad } from '../../support/faults/under-fault.ts'

const KILLS = scaled(2, 10)
/** The next one is throttled. */
const FREE_LOGINS = 10
const BACK_WITHIN_MS = 3_000
const WORKERS_DIE_S = scaled(9, 30)
const DIE_EVERY_MS = 1_500
const PROBES = 4
const PROBE_EVERY_MS = 100

test('F6 one of two processes is killed: sessions and throttle counters live on', async (t: TestContext) => {
  const scene = await arrange(t)
  const { database, link, server, client, observer } = scene
  const other = new Observer()
  const survivor = new Client((await startGatehouse(t, link.url)).url, other)
  t.after(() => survivor.close())
  const { headers } = await signIn(database, 'user-8')
  const wrong = { method: 'POST', path: '/login', body: { username: 'user-9', password: 'wrong' } }
  for (let attempt = 0; attempt < FREE_LOGINS; attempt++) await client.send(wrong)
  // The delay is 1 s at first, which is too short for the test.
  await database.query(
    `UPDATE login_failures SET failures = failures + 10,
       blocked_until = NOW() + INTERVAL 10 MINUTE`,
  )
  const load = await startLoad(t, scene)

  const problems: string[] = []
  let slowestStart = 0
  let endedAt = 0
  for (let kill = 0; kill < KILLS; kill++) {
    client.mayFail = 'all'
    server.signal('SIGKILL')
    await server.exited()
    const { status } = await survivor.send({ kind: 'read', path: '/me', headers })
    if (status !== 200) problems.push(`the session on the other process: ${status}`)
    const throttled = await survivor.send(wrong)
    if (throttled.status !== 429) problems.push(`the throttle there: ${throttled.status}`)
    const startedAt = performance.now()
    await server.start()
    endedAt = performance.now()
    slowestStart = Math.max(slowestStart, endedAt - startedAt)
    await sleep(1_000)
    client.mayFail = 'none'
    const again = await client.send(wrong)
    if (again.status !== 429) problems.push(`the throttle after the start: ${again.status}`)
  }
  await load.stop()
  const findings = await load.ledger.verify(server.url, scene.database)
  const row = rowOf(`F6 kill -9 of one of two processes, ${KILLS} times`, observer, findings)
  const recovery = recoveryOf(scene, endedAt)
  row.recovery = recovery.text
  row.notes.push(`responds ${Math.round(slowestStart)} ms after its start`)
  row.problems.push(...problems, ...recovery.problems, ...other.violations)
  if (slowestStart > BACK_WITHIN_MS) row.problems.push(`back after ${Math.round(slowestStart)} ms`)
  conclude(t, row)
})

test('workers that are killed again and again are replaced, so that the port keeps responding', async (t: TestContext) => {
  const { server, observer } = await arrange(t, {
    environment: { WORKERS: '2', LOG_LEVEL: 'info' },
  })
  const client = new Client(server.url, observer, { keepAlive: false })
  t.after(() => client.close())
  client.mayFail = 'all'
  await server.log.contains('All workers serve')
  let lastSuccess = performance.now()
  let longestGapMs = 0
  const probe = async () => {
    const { status } = await client.send({ kind: 'read', path: '/livez' })
    longestGapMs = Math.max(longestGapMs, performance.now() - lastSuccess)
    if (status === 200) lastSuccess = performance.now()
  }
  const probes = Array.from({ length: PROBES }, () => repeat(t, PROBE_EVERY_MS, probe))
  let starts = 0
  for (let passedMs = 0; passedMs < WORKERS_DIE_S * 1_000; passedMs += DIE_EVERY_MS) {
    killNow(childrenOf(server.pid)[0])
    await sleep(DIE_EVERY_MS)
    // A process that gives up is started again, as its supervisor does.
    if (!server.hasExited()) continue
    await server.start()
    starts++
  }
  await Promise.all(probes.map((stop) => stop()))
  const row = rowOf(`a worker killed every 1.5 s for ${WORKERS_DIE_S} s`, observer)
  row.notes.push(`no answer for ${Math.round(longestGapMs)} ms at most`)
  row.notes.push(`${starts} starts of the whole process`)
  if (longestGapMs > BACK_WITHIN_MS) row.problems.push('no worker listens')
  conclude(t, row)
})

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return text === '' ? [] : text.split(' ').map(Number)
}
