import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '../until.ts'
import { Load } from './clients/load.ts'
import type { Kind } from './clients/observer.ts'
import { signIn, signInAll } from './database/sign-in.ts'
import { conclude, type Row, rowOf } from './report.ts'
import type { Scene as WholeScene } from './scene.ts'
import { POOL_CONNECTIONS } from './server/gatehouse.ts'

/** What the load and the checks of a fault need. */
export type Scene = Pick<WholeScene, 'database' | 'server' | 'observer' | 'client'>

/** The standard: the first success comes within this time after the fault. */
const RECOVERY_LIMIT_MS = 5_000
/** How long a test waits for a recovery that is too late. */
const RECOVERY_PATIENCE_MS = 20_000
/** Each load has accounts of its own. Most make tokens, because these writes need no hash. */
const ACCOUNTS_OF_A_LOAD = 7
const FIRST_OF_LOADS = 100
let loads = 0
const KINDS = ['read', 'write', 'login'] as const

/**
 * Runs the mixed load, lets a fault happen, and checks the oracle of the standard: answers in time
 * and none of 500, nothing acknowledged is lost, nothing refused is done, and a quick recovery.
 *
 * @param happen causes the fault, and resolves when it has ended
 * @param inspect adds what is special to the fault to the row
 */
export async function underFault(
  t: TestContext,
  scene: Scene,
  fault: string,
  happen: (load: Load) => Promise<void>,
  inspect: (row: Row) => void | Promise<void> = () => undefined,
): Promise<void> {
  const load = await startLoad(t, scene)
  await happen(load)
  const endedAt = performance.now()
  await recovered(scene, endedAt)
  await load.stop()
  const findings = await load.ledger.verify(scene.server.url, scene.database)
  const row = rowOf(fault, scene.observer, findings)
  const recovery = recoveryOf(scene, endedAt)
  row.recovery = recovery.text
  row.problems.push(...recovery.problems)
  row.notes.push(`${scene.server.log.count} log lines`)
  await inspect(row)
  conclude(t, row)
}

/** @returns the mixed load, once each kind of request has succeeded */
export async function startLoad(t: TestContext, scene: Scene): Promise<Load> {
  const { database, client, observer } = scene
  const first = FIRST_OF_LOADS + ACCOUNTS_OF_A_LOAD * loads++
  const names = Array.from({ length: ACCOUNTS_OF_A_LOAD }, (_, index) => `user-${first + index}`)
  const [reader, sessions, changed, ...tokens] = await signInAll(database, names)
  if (!reader || !sessions || !changed) throw new Error('a load has at least three accounts')
  const people = { admin: await signIn(database, 'admin'), reader, sessions, changed, tokens }
  await warmUp(client, people.admin.headers)
  const load = new Load(t, client, people)
  const startedAt = performance.now()
  await until(
    () => KINDS.every((kind) => observer.recoveryMs(kind, startedAt) !== undefined),
    () => 'the load does not succeed before the fault',
  )
  return load
}

/** Waits for the recovery from one of several faults of a test. Problems count as the clients'. */
export async function expectRecovery(scene: Scene, since: number): Promise<void> {
  await recovered(scene, since)
  for (const problem of recoveryOf(scene, since).problems) scene.observer.violate(problem)
}

/** Waits until each kind of request has succeeded after the fault, or for 20 s. */
export async function recovered({ observer }: Scene, since: number): Promise<void> {
  const isBack = (kind: Kind) => observer.recoveryMs(kind, since) !== undefined
  while (!KINDS.every(isBack) && performance.now() < since + RECOVERY_PATIENCE_MS) await sleep(20)
}

/** @returns the times to the first success of each kind, and which are too long */
export function recoveryOf({ observer }: Scene, since: number) {
  const times = KINDS.map((kind) => ({ kind, ms: observer.recoveryMs(kind, since) }))
  const late = times.filter(({ ms }) => ms === undefined || ms > RECOVERY_LIMIT_MS)
  return {
    text: times
      .map(({ kind, ms }) => `${kind} ${ms === undefined ? 'never' : `${Math.round(ms)} ms`}`)
      .join(', '),
    problems: late.map(({ kind }) => `${kind}: no success within ${RECOVERY_LIMIT_MS} ms`),
  }
}

/** Opens every connection of the pool: one that opens during the fault is refused sooner. */
async function warmUp(client: Scene['client'], headers: Record<string, string>): Promise<void> {
  const list = () => client.send({ path: '/users?limit=100', headers })
  await Promise.all(Array.from({ length: 4 * POOL_CONNECTIONS }, list))
}
