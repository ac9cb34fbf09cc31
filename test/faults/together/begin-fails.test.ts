import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  cuttingAt,
  delaying,
  failing,
  forwarding,
} from '../../support/faults/database/link-behaviours.ts'
import { signIn } from '../../support/faults/database/sign-in.ts'
import { conclude, rowOf } from '../../support/faults/report.ts'
import { arrange } from '../../support/faults/scene.ts'

const POOL = 10
const BEGIN = /^\s*(begin|start transaction)/i
const RECOVERY_LIMIT_MS = 5_000
const DELAY_MS = 100
/** The pool opens one connection at a time, by several statements. */
const MAX_ROUNDS = 60

for (const [how, behaviour] of [
  ['is answered with an error', failing(BEGIN, 1053, 'Server shutdown in progress')],
  ['ends the connection', cuttingAt(BEGIN)],
] as const) {
  test(`F4 a begin that ${how}, three times the pool's size: the whole pool is usable afterwards`, async (t: TestContext) => {
    const { database, link, client, observer } = await arrange(t)
    const { headers } = await signIn(database, 'admin')
    link.behave(behaviour)
    const token = { kind: 'write', method: 'POST', path: '/tokens', body: { name: 'x' } } as const
    const failed = await Promise.all(
      Array.from({ length: 3 * POOL }, () => client.send({ ...token, headers })),
    )
    link.behave(forwarding)
    const endedAt = performance.now()
    const isRefused = failed.every(({ status }) => status === 503)
    const list = { kind: 'read', path: '/users?limit=1', headers } as const
    const isBack = () => observer.recoveryMs('read', endedAt) !== undefined
    while (!isBack() && performance.now() < endedAt + RECOVERY_LIMIT_MS) {
      await client.send(list)
      await sleep(20)
    }
    const { status } = await client.send({ ...token, headers })

    // Queries that take their time show how many connections are used at once.
    link.behave(delaying(DELAY_MS))
    let mostBusy = 0
    const timer = setInterval(() => {
      mostBusy = Math.max(mostBusy, link.busy)
    }, 5)
    for (let round = 0; round < MAX_ROUNDS && mostBusy < POOL; round++) {
      await Promise.all(Array.from({ length: 2 * POOL }, () => client.send(list)))
    }
    clearInterval(timer)

    const row = rowOf(`F4 begin ${how}, ${3 * POOL} times`, observer)
    row.recovery = `read ${Math.round(observer.recoveryMs('read', endedAt) ?? Number.NaN)} ms`
    if (!isBack()) row.problems.push(`no success within ${RECOVERY_LIMIT_MS} ms`)
    row.notes.push(`${mostBusy} connections in use at once afterwards`)
    if (!isRefused) row.problems.push('not every transaction was refused')
    if (status !== 200) row.problems.push(`a write afterwards: ${status}`)
    if (mostBusy < POOL) row.problems.push(`only ${mostBusy} of ${POOL} connections are usable`)
    conclude(t, row)
  })
}
