import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { flood, percentile } from '../../support/faults/clients/floods.ts'
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

const FLOOD_ACCOUNTS = 500

const RENEWALS = scaled(3, 8)
const ARRIVAL_MS = 10
/** More than the hash queue admits. */
const BURST = 150

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
  const late = excess.filter(({ ms }) => ms > EXCESS_LIMIT_MS).length
  row.notes.push(`${late} of ${excess.length} refused later than ${EXCESS_LIMIT_MS} ms`)
  if (loaded > P99_GROWTH_LIMIT * Math.max(unloaded, LEAST_P99_MS)) row.problems.push('slow reads')
  if (excess.length > 0 && slowestExcess > EXCESS_LIMIT_MS) {
    row.problems.push(`the excess is refused after ${slowestExcess} ms`)
  }
  conclude(t, row)
})

test('floods of logins are logged by a count, not by a line for each refusal', async (t: TestContext) => {
  const { server, observer } = await arrange(t)
  const startedAt = performance.now()
  let refused = 0
  for (let count = 0; count < FLOODS; count++) {
    const load = { connections: 100, requests: FLOOD_SIZE, seconds: 1, heads: rawLogins() }
    const { statuses } = await flood(t, server.port, load)
    refused += statuses['503'] ?? 0
  }
  const seconds = (performance.now() - startedAt) / 1_000
  const row = rowOf(`${FLOODS} floods of ${FLOOD_SIZE} logins at LOG_LEVEL=warn`, observer)
  row.notes.push(`${refused} refused, ${server.log.count} log lines in ${Math.round(seconds)} s`)
  if (refused === 0) row.problems.push('the hash queue was not full')
  if (server.log.count > seconds + FLOODS) row.problems.push('more than one log line a second')
  conclude(t, row)
})

test('a right login with a hash of an older cost, whose renewal the full hash queue refuses, succeeds', async (t: TestContext) => {
  const { client, observer } = await arrange(t, { environment: { BCRYPT_COST: '11' } })
  const logIn = (index: number, password: string) => {
    const body = { username: `user-${index}`, password }
    return client.send({ kind: 'login', method: 'POST', path: '/login', body })
  }
  const statuses: number[] = []
  for (let round = 0; round < RENEWALS; round++) {
    const first = logIn(round, PASSWORD)
    await sleep(ARRIVAL_MS)
    // They fill the queue while the first password is verified, and need no renewal.
    const burst = Array.from({ length: BURST }, (_, index) => logIn(RENEWALS + index, 'wrong'))
    statuses.push((await first).status)
    await Promise.all(burst)
  }
  const row = rowOf('right logins with hashes of an older cost, hash queue full', observer)
  if (statuses.some((status) => status !== 200)) row.problems.push('a right login is refused')
  conclude(t, row)
})

/** Logins of many accounts, as the flood sends them. */
function rawLogins(): string[] {
  return Array.from({ length: FLOOD_ACCOUNTS }, (_, index) => {
    const body = JSON.stringify({ username: `user-${index}`, password: PASSWORD })
    const head = ['POST /login HTTP/1.1', 'Host: localhost', 'Content-Type: application/json']
    return `${head.join('\r\n')}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  })
}

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
