import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '../../support/faults/clients/client.ts'
import { Observer } from '../../support/faults/clients/observer.ts'
import { type Finished, RetryingClient } from '../../support/faults/clients/retrying-client.ts'
import type { DatabaseServer } from '../../support/faults/database/database-server.ts'
import { signInAll } from '../../support/faults/database/sign-in.ts'
import { conclude, rowOf } from '../../support/faults/report.ts'
import { arrange, scaled } from '../../support/faults/scene.ts'
import { type Gatehouse, startGatehouse } from '../../support/faults/server/gatehouse.ts'

const DURATION_MS = scaled(20_000, 120_000)
/** Between the start of the database or of a server and the next kill. A server needs 1 to 2 s to connect again. */
const PAUSES_MS = { database: [1_500, 3_500], server: [500, 2_500] } as const
/** The tests of the other faults check durations: here the processes that start keep the cores busy. */
const ANSWER_LIMIT_MS = 10_000
/** At first nothing is killed: clients that hang up meet the server alone. */
const CALM_MS = 2_000
const MAX_STARTS = 20
/** Registrations are few because of their hashes. */
const REGISTERING = 6
const CREATING_TOKENS = 18
const SETTINGS = { MAX_TOKENS: '10000' }

test('F18 servers and database are killed at random: each key makes one row, and its client gets that row', async (t: TestContext) => {
  const { database, server, observer, client } = await arrange(t, {
    isDirect: true,
    limitMs: ANSWER_LIMIT_MS,
    environment: SETTINGS,
  })
  const other = await startGatehouse(t, database.url(), SETTINGS)
  const clients = [client, new Client(other.url, observer)]
  t.after(() => clients[1]?.close())
  for (const one of clients) one.mayFail = 'all'
  const names = Array.from({ length: CREATING_TOKENS }, (_, index) => `user-${index}`)
  const owners = await signInAll(database, names)
  const retrying = [
    ...owners.map((owner) => new RetryingClient(clients, owner)),
    ...Array.from({ length: REGISTERING }, () => new RetryingClient(clients)),
  ]
  const kills = await killAtRandom(database, [server, other])
  await Promise.all(retrying.map((one) => one.stop()))

  const row = rowOf(`F18 kill -9 of servers and database at random, ${kills} times`, observer)
  const all = retrying.flatMap(({ finished }) => finished)
  const replays = all.filter(({ answer }) => answer.isReplay).length
  row.notes.push(`${all.length} keys, ${replays} answers are replays`)
  for (const { name, answer } of all) {
    if (answer.status !== 200) row.problems.push(`${name}: ${answer.status} ${answer.code}`)
  }
  const ofTokens = retrying.filter(({ owner }) => owner).flatMap(({ finished }) => finished)
  const ofUsers = retrying.filter(({ owner }) => !owner).flatMap(({ finished }) => finished)
  const checker = new Client(server.url, new Observer())
  t.after(() => checker.close())
  row.problems.push(
    ...(await wrongRows(database, 'users', 'username', ofUsers)),
    ...(await wrongRows(database, 'tokens', 'name', ofTokens)),
    ...(await brokenTokens(checker, retrying)),
    ...(await wrongEvents(database, 'user_created', ofUsers.length)),
    ...(await wrongEvents(database, 'token_created', ofTokens.length)),
  )
  if (replays === 0) row.problems.push('no answer was lost: the faults do not hit')
  conclude(t, row)
})

/** @returns how many processes were killed, each independent of the others. In the end all of them run */
async function killAtRandom(database: DatabaseServer, servers: Gatehouse[]): Promise<number> {
  let kills = 0
  await sleep(CALM_MS)
  const endsAt = performance.now() + DURATION_MS
  const repeat = async (kind: keyof typeof PAUSES_MS, kill: () => Promise<void>) => {
    const [shortest, longest] = PAUSES_MS[kind]
    while (performance.now() < endsAt) {
      await sleep(shortest + Math.random() * (longest - shortest))
      await kill()
      kills++
    }
  }
  await Promise.all([
    repeat('database', async () => {
      await database.kill()
      await database.start()
    }),
    repeat('server', async () => {
      const server = servers[Math.floor(Math.random() * servers.length)]
      server?.signal('SIGKILL')
      await server?.exited()
      if (server) await startAgain(server)
    }),
  ])
  return kills
}

/** A server exits if it starts while the database is down. */
async function startAgain(server: Gatehouse): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await server.start()
    } catch (error) {
      if (attempt === MAX_STARTS) throw error
    }
  }
}

/** @returns what differs between the rows and the answers, which must be one to one */
async function wrongRows(
  database: DatabaseServer,
  table: 'users' | 'tokens',
  column: 'username' | 'name',
  finished: Finished[],
): Promise<string[]> {
  const rows = await database.query(
    `SELECT id, ${column} AS name FROM ${table} WHERE ${column} LIKE 'new-%'`,
  )
  const ids = new Map(rows.map(({ id, name }) => [String(name), Number(id)]))
  const wrong = finished.filter(({ name, answer }) => {
    const { id } = Object(answer.body.user ?? answer.body)
    return id === undefined || ids.get(name) !== Number(id)
  })
  return [
    ...(rows.length === finished.length
      ? []
      : [`${rows.length} ${table}, ${finished.length} keys`]),
    ...wrong.slice(0, 5).map(({ name }) => `${name}: the answer has another id than the row`),
  ]
}

/** @returns the tokens that do not act as their owner */
async function brokenTokens(client: Client, retrying: RetryingClient[]): Promise<string[]> {
  const problems: string[] = []
  for (const { owner, finished } of retrying) {
    for (const { name, answer } of owner ? finished : []) {
      const headers = { authorization: `Bearer ${answer.body.token}` }
      const { status, body } = await client.send({ path: '/me', headers })
      if (status !== 200 || body.id !== owner?.id) problems.push(`the token ${name}: ${status}`)
    }
  }
  return problems.slice(0, 5)
}

async function wrongEvents(database: DatabaseServer, type: string, keys: number) {
  const [row] = await database.query(`SELECT COUNT(*) AS count FROM events WHERE type = '${type}'`)
  return Number(row?.count) === keys ? [] : [`${row?.count} events ${type}, ${keys} keys`]
}
