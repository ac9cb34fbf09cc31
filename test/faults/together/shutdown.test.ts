import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '../../support/faults/clients/client.ts'
import { repeat } from '../../support/faults/clients/repeat.ts'
import { signIn } from '../../support/faults/database/sign-in.ts'
import { conclude, rowOf } from '../../support/faults/report.ts'
import { arrange, type Scene, scaled } from '../../support/faults/scene.ts'
import { startLoad } from '../../support/faults/under-fault.ts'

const STOPS = scaled(2, 10)
const EXIT_LIMIT_MS = 10_000
const READERS = 16
const READ_PAUSE_MS = 5

test('F7 SIGTERM under load: what is in flight is answered, and the server exits in time', async (t: TestContext) => {
  const scene = await arrange(t)
  await stopSeveralTimes(t, scene, 'F7 SIGTERM under keep-alive load', () => undefined)
})

test('F7 SIGTERM while the database is suspended: what is in flight is answered, and the server exits in time', async (t: TestContext) => {
  const scene = await arrange(t)
  await stopSeveralTimes(t, scene, 'F7 SIGTERM while the database is down', async () => {
    scene.database.suspend()
    await sleep(1_000)
  })
})

test('F7 SIGTERM to two workers under load that reconnects: the server exits in time', async (t: TestContext) => {
  const scene = await arrange(t, { environment: { WORKERS: '2' } })
  const client = new Client(scene.server.url, scene.observer, { keepAlive: false })
  t.after(() => client.close())
  const { headers } = await signIn(scene.database, 'user-0')
  const exits: Exit[] = []
  for (let stop = 1; stop <= STOPS; stop++) {
    const read = () => client.send({ kind: 'read', path: '/me', headers })
    const readers = Array.from({ length: READERS }, () => repeat(t, READ_PAUSE_MS, read))
    await sleep(500)
    exits.push(await terminate(scene, [client]))
    await Promise.all(readers.map((stop) => stop()))
    if (stop === STOPS) break
    await scene.server.start()
    client.mayFail = 'none'
  }
  const row = rowOf(
    `F7 SIGTERM with WORKERS=2 and reconnecting load, ${STOPS} times`,
    scene.observer,
  )
  describeExits(row, exits)
  conclude(t, row)
})

interface Exit {
  code: number | string
  ms: number
}

async function stopSeveralTimes(
  t: TestContext,
  scene: Scene,
  fault: string,
  before: () => void | Promise<void>,
): Promise<void> {
  const { database, server, client, observer } = scene
  const exits: Exit[] = []
  const findings = { lost: [] as string[], undue: [] as string[], unverified: [] as string[] }
  for (let stop = 1; stop <= STOPS; stop++) {
    const load = await startLoad(t, scene)
    await before()
    exits.push(await terminate(scene, [client]))
    await load.stop()
    database.resume()
    await server.start()
    client.mayFail = 'none'
    const found = await load.ledger.verify(server.url, database)
    findings.lost.push(...found.lost)
    findings.undue.push(...found.undue)
    findings.unverified.push(...found.unverified)
  }
  const row = rowOf(`${fault}, ${STOPS} times`, observer, findings)
  describeExits(row, exits)
  conclude(t, row)
}

/** Requests that are sent later than the signal may find no server. */
async function terminate({ server }: Scene, clients: Client[]): Promise<Exit> {
  const startedAt = performance.now()
  for (const client of clients) client.mayFail = 'new'
  server.signal('SIGTERM')
  const timer = setTimeout(() => server.killNow(), 2 * EXIT_LIMIT_MS)
  const code = await server.exited()
  clearTimeout(timer)
  return { code, ms: performance.now() - startedAt }
}

function describeExits(row: ReturnType<typeof rowOf>, exits: Exit[]): void {
  const slowest = Math.max(...exits.map(({ ms }) => ms))
  row.notes.push(`exit codes ${exits.map(({ code }) => code).join(' ')}`)
  row.notes.push(`slowest exit ${Math.round(slowest)} ms`)
  if (exits.some(({ code }) => code !== 0)) row.problems.push('an exit code is not 0')
  if (slowest > EXIT_LIMIT_MS) row.problems.push(`exit after ${Math.round(slowest)} ms`)
}
