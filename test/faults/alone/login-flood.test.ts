import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { percentile } from '../../support/faults/clients/floods.ts'
import { repeat } from '../../support/faults/clients/repeat.ts'
import { signIn } from '../../support/faults/database/sign-in.ts'
import { PASSWORD, USERS } from '../../support/faults/database/template.ts'
import { conclude, rowOf } from '../../support/faults/report.ts'
import { arrange, type Scene, scaled } from '../../support/faults/scene.ts'

const FLOOD_S = scaled(8, 60)
const LOGINS_PER_S = 50
const READ_PAUSE_MS = 10
const P99_GROWTH_LIMIT = 1.5
/** On two cores that others use too, a p99 below this says nothing. */
const LEAST_P99_MS = 20
const EXCESS_LIMIT_MS = 100

const FLOODS = 3
const FLOOD_SIZE = scaled(400, 2_000)

/** A login that is refused later than this has waited for the hash queue. */
const REFUSED_LATE_MS = 500
const RENEWAL_FLOOD_S = scaled(6, 15)

test('F10 a flood of logins: reads keep their latency, and the excess is refused at once', async (t: TestContext) => {
  const scene = await arrange(t)
  const { database, client, observer } = scene
  const { headers } = await signIn(database, 'admin')
  const read = () => client.send({ kind: 'read', path: '/me', headers })
  const stopReading = repeat(t, READ_PAUSE_MS, read)
  await sleep((FLOOD_S * 1_000) / 2)
  const startedAt = performance.now()
  const unloaded = p99(observer.seen('read').map(({ ms }) => ms))
  await logInOften(scene, LOGINS_PER_S, FLOOD_S)
  const loaded = p99(observer.seen('read', startedAt).map(({ ms }) => ms))
  await stopReading()

  const row = rowOf(`F10 ${LOGINS_PER_S} logins a second for ${FLOOD_S} s`, observer)
  const excess = observer.seen('login').filter(({ status }) => status === 503)
  const slowestExcess = p99(excess.map(({ ms }) => ms))
  row.notes.push(`p99 of reads ${unloaded} ms unloaded, ${loaded} ms loaded`)
  row.notes.push(`p99 of ${excess.length} refused ${slowestExcess} ms`)
  if (loaded > P99_GROWTH_LIMIT * Math.max(unloaded, LEAST_P99_MS)) row.problems.push('slow reads')
  if (excess.length > 0 && slowestExcess > EXCESS_LIMIT_MS) {
    row.problems.push(`the excess is refused after ${slowestExcess} ms`)
  }
  conclude(t, row)
})

test('floods of logins are logged by a count, not by a line for each refusal', async (t: TestContext) => {
  const scene = await arrange(t)
  const { client, server, observer } = scene
  const startedAt = performance.now()
  for (let flood = 0; flood < FLOODS; flood++) {
    const body = (index: number) => ({ username: `user-${index % USERS}`, password: PASSWORD })
    await Promise.all(
      Array.from({ length: FLOOD_SIZE }, (_, index) =>
        client.send({ kind: 'login', method: 'POST', path: '/login', body: body(index) }),
      ),
    )
  }
  const seconds = (performance.now() - startedAt) / 1_000
  const row = rowOf(`${FLOODS} floods of ${FLOOD_SIZE} logins at LOG_LEVEL=warn`, observer)
  row.notes.push(`${server.log.count} log lines in ${Math.round(seconds)} s`)
  if (server.log.count > seconds + FLOODS) row.problems.push('more than one log line a second')
  conclude(t, row)
})

test('a login with the right password and a hash of an older cost, while the hash queue is full, succeeds or is refused before its password is verified', async (t: TestContext) => {
  const scene = await arrange(t, { environment: { BCRYPT_COST: '11' } })
  await logInOften(scene, LOGINS_PER_S, RENEWAL_FLOOD_S)
  const row = rowOf('logins with hashes of an older cost, hash queue full', scene.observer)
  const refusals = scene.observer.seen('login').filter(({ status }) => status === 503)
  const late = refusals.filter(({ ms }) => ms > REFUSED_LATE_MS)
  row.notes.push(`${refusals.length} refused`, `${late.length} of them late`)
  if (refusals.length === 0) row.problems.push('the hash queue was not full')
  if (late.length > 0) row.problems.push(`${late.length} refused after the password was verified`)
  conclude(t, row)
})

/** Sends correct logins of many accounts at a rate, whatever the answers. */
async function logInOften({ client }: Scene, perSecond: number, seconds: number): Promise<void> {
  const startedAt = performance.now()
  const logins = []
  for (let index = 0; index < perSecond * seconds; index++) {
    await sleep(Math.max(0, startedAt + (index * 1_000) / perSecond - performance.now()))
    const body = { username: `user-${index % USERS}`, password: PASSWORD }
    logins.push(client.send({ kind: 'login', method: 'POST', path: '/login', body }))
  }
  await Promise.all(logins)
}

function p99(values: number[]): number {
  return Math.round(percentile(values, 0.99))
}
