import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { flood, head, percentile } from '../../support/faults/clients/floods.ts'
import { repeat } from '../../support/faults/clients/repeat.ts'
import { delaying } from '../../support/faults/database/link-behaviours.ts'
import { signIn } from '../../support/faults/database/sign-in.ts'
import { conclude, rowOf } from '../../support/faults/report.ts'
import { arrange, scaled } from '../../support/faults/scene.ts'

const REQUESTS = scaled(100_000, 300_000)
const FLOOD_S = scaled(3, 8)
const READERS = 4
const READ_PAUSE_MS = 100
const READ_P99_LIMIT_MS = 1_000
/** Queries that the server makes without a request: the sweeper, and the last use of sessions. */
const OWN_QUERIES = 40
/** The sweeper may run. */
const FEW_QUERIES = 5
const DATABASE_DELAY_MS = 100
const SLOW_FLOOD_PER_S = 7_000
const SLOW_FLOOD_S = scaled(4, 10)
const ANONYMOUS = Array.from({ length: 100 }, (_, index) => head(`/user/${index + 1}`))

for (const connections of [200, 500]) {
  test(`F16 a flood of anonymous requests from ${connections} connections: it causes no query, and others are served`, async (t: TestContext) => {
    const { server, database, client, observer } = await arrange(t)
    const { headers } = await signIn(database, 'user-0')
    const before = await database.counter('Com_select')
    const read = () => client.send({ kind: 'read', path: '/me', headers })
    const readers = Array.from({ length: READERS }, () => repeat(t, READ_PAUSE_MS, read))
    const load = { connections, requests: REQUESTS, seconds: FLOOD_S, heads: ANONYMOUS }
    const result = await flood(t, server.port, load)
    await Promise.all(readers.map((stop) => stop()))
    const reads = observer.seen('read')
    const p99 = percentile(
      reads.map(({ ms }) => ms),
      0.99,
    )
    const queries = (await database.counter('Com_select')) - before

    const row = rowOf(`F16 ${REQUESTS} anonymous requests from ${connections}`, observer)
    row.notes.push(`flood ${JSON.stringify(result)}`)
    row.notes.push(`p99 of ${reads.length} reads ${Math.round(p99)} ms`, `${queries} queries`)
    if (p99 > READ_P99_LIMIT_MS) row.problems.push(`p99 of reads is ${Math.round(p99)} ms`)
    if (queries > reads.length + OWN_QUERIES) row.problems.push(`${queries} queries`)
    if (reads.some(({ status }) => status !== 200)) row.problems.push('a read is refused')
    conclude(t, row)
  })
}

test('requests without a well-formed credential cause no query', async (t: TestContext) => {
  const { database, client, observer } = await arrange(t)
  const before = await database.counter('Com_select')
  for (let id = 1; id <= 50; id++) {
    for (const authorization of ['', 'Bearer forged', 'Bearer gh_short']) {
      const headers = authorization === '' ? {} : { authorization }
      await client.send({ path: `/user/${id}`, headers })
    }
  }
  const queries = (await database.counter('Com_select')) - before
  const row = rowOf('GET /user/N without a credential', observer)
  row.notes.push(`${queries} queries`)
  if (queries > FEW_QUERIES) row.problems.push(`${queries} queries`)
  conclude(t, row)
})

for (const [who, heads] of [
  ['without a credential', ANONYMOUS],
  ['with forged tokens', forgedTokens()],
] as const) {
  test(`a flood of requests ${who} on a slow database: the reads of an admin are served`, async (t: TestContext) => {
    const { database, server, link, client, observer } = await arrange(t)
    const { headers } = await signIn(database, 'admin')
    link.behave(delaying(DATABASE_DELAY_MS))
    const read = () => client.send({ kind: 'read', path: '/user/1', headers })
    const stopReading = repeat(t, READ_PAUSE_MS, read)
    const requests = SLOW_FLOOD_PER_S * SLOW_FLOOD_S
    const load = { connections: 100, requests, seconds: SLOW_FLOOD_S, heads: [...heads] }
    const result = await flood(t, server.port, load)
    await stopReading()
    const row = rowOf(`flood of GET /user/N ${who}, database 100 ms late`, observer)
    row.notes.push(`flood ${JSON.stringify(result)}`)
    const reads = observer.seen('read')
    const refused = reads.filter(({ status }) => status !== 200).length
    if (refused > 0) row.problems.push(`${refused} of ${reads.length} reads are refused`)
    conclude(t, row)
  })
}

/** Of the right form, and each different. */
function forgedTokens(): string[] {
  return Array.from({ length: 1_000 }, (_, index) => {
    const token = `gh_${randomBytes(32).toString('base64url')}`
    return head(`/user/${index + 1}`, { authorization: `Bearer ${token}` })
  })
}
