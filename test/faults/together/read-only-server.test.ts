import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { withHosts } from '../../../db/connections/hosts.ts'
import { Client } from '../../support/faults/clients/client.ts'
import { Observer } from '../../support/faults/clients/observer.ts'
import {
  type DatabaseServer,
  startDatabaseServer,
} from '../../support/faults/database/database-server.ts'
import { signIn } from '../../support/faults/database/sign-in.ts'
import { conclude, rowOf } from '../../support/faults/report.ts'
import { TEMPLATE } from '../../support/faults/scene.ts'
import { startGatehouse } from '../../support/faults/server/gatehouse.ts'
import { until } from '../../support/until.ts'

/** The longest time until a host that serves again has been checked twice. */
const TWO_CHECKS_MS = 2 * 6_250 + 500
const PAUSE_MS = 200

test('F17 the first of two servers becomes read-only, as before a switch of the primary: changes go to the second and stay there, until it is read-only too; a read-only server alone is not read', async (t: TestContext) => {
  const [first, second] = [
    await startDatabaseServer(t, TEMPLATE),
    await startDatabaseServer(t, TEMPLATE),
  ]
  const hosts = [first, second].map(({ host, port }) => `${host}:${port}`)
  const server = await startGatehouse(t, withHosts(first.url(), hosts))
  const observer = new Observer()
  const client = new Client(server.url, observer)
  t.after(() => client.close())
  // The same session on both, which do not replicate each other.
  const { headers } = await signIn(first, 'user-1')
  await copySessions(first, second)
  const makeToken = async () => {
    const making = { method: 'POST', path: '/tokens', headers, body: { name: 'x' } }
    const { status } = await client.send({ ...making, kind: 'write' })
    return status
  }
  const counts = async () => [await tokensOf(first), await tokensOf(second)]

  const problems: string[] = []
  const expect = async (tokens: number[]) => {
    const found = await counts()
    if (`${found}` !== `${tokens}`) problems.push(`${found} tokens instead of ${tokens}`)
  }
  await makeToken()
  await expect([1, 0])
  await first.query('SET GLOBAL read_only = ON')
  const status = await makeToken()
  if (status !== 200) problems.push(`the first change afterwards: ${status}`)
  await expect([1, 1])
  // The first one now lacks a change, as an old primary does that returns.
  await first.query('SET GLOBAL read_only = OFF')
  const endsAt = performance.now() + TWO_CHECKS_MS
  let changes = 1
  while (performance.now() < endsAt) {
    if ((await makeToken()) === 200) changes++
    await sleep(PAUSE_MS)
  }
  await expect([1, changes])

  await second.query('SET GLOBAL read_only = ON')
  await makeToken()
  await expect([2, changes])
  await first.kill()
  const me = { kind: 'read', path: '/me', headers } as const
  const refused = await client.send(me)
  if (refused.status !== 503) problems.push(`a read from a read-only server: ${refused.status}`)
  await second.query('SET GLOBAL read_only = OFF')
  await until(
    async () => (await client.send(me)).status === 200,
    () => 'the second server is not used after it has become writable',
  )
  const row = rowOf('F17 the first of two database servers is read-only for a while', observer)
  row.problems.push(...problems)
  conclude(t, row)
})

async function tokensOf(server: DatabaseServer): Promise<number> {
  const [row] = await server.query('SELECT COUNT(*) AS count FROM tokens')
  return Number(row?.count)
}

async function copySessions(from: DatabaseServer, to: DatabaseServer): Promise<void> {
  const columns = 'digest, user_id, expires_at'
  const [row] = await from.query(`SELECT HEX(digest) AS digest, user_id, expires_at FROM sessions`)
  await to.query(
    `INSERT INTO sessions (${columns}) VALUES (x'${row?.digest}', ${row?.user_id}, NOW() + INTERVAL 1 HOUR)`,
  )
}
