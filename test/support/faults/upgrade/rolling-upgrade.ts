import type { TestContext } from 'node:test'
import { until } from '../../until.ts'
import { Findings } from '../clients/ledger.ts'
import { Load } from '../clients/load.ts'
import { repeat } from '../clients/repeat.ts'
import {
  DATABASE_USER,
  type DatabaseServer,
  startDatabaseServer,
} from '../database/database-server.ts'
import { signIn, signInAll } from '../database/sign-in.ts'
import { addAccounts } from '../database/template.ts'
import { conclude, rowOf } from '../report.ts'
import { TEMPLATE } from '../scene.ts'
import { type Gatehouse, migrate, startGatehouse } from '../server/gatehouse.ts'
import { Balancer } from './balancer.ts'
import { Phases } from './phases.ts'
import { Visitors } from './visitor.ts'

const ACCOUNTS = 8
const VISITORS = 2
const PAUSE_MS = 20
/** How many visits end in each phase, at least. */
const ROUNDS = 4

export type Upgrade = Awaited<ReturnType<typeof arrangeUpgrade>>

/** Starts two instances of the last release, on a database that its own `migrate` has prepared, and the load. */
export async function arrangeUpgrade(t: TestContext, release: string) {
  const database = await startDatabaseServer(t, TEMPLATE)
  await prepare(database, release)
  const start = () => startGatehouse(t, database.url(), {}, release)
  const servers: [Gatehouse, Gatehouse] = [await start(), await start()]
  const phases = new Phases()
  phases.begin('start of the clients')
  const balancer = new Balancer(t, servers, phases)
  const names = Array.from({ length: ACCOUNTS }, (_, index) => `user-${index}`)
  const [reader, sessions, changed, ...tokens] = await signInAll(database, names)
  if (!reader || !sessions || !changed) throw new Error('the load has at least three accounts')
  const admin = await signIn(database, 'admin')
  const load = new Load(t, balancer, { admin, reader, sessions, changed, tokens })
  const visitors = new Visitors(balancer, load.ledger, phases)
  const stops = [
    ...Array.from({ length: VISITORS }, () => repeat(t, PAUSE_MS, () => visitors.visit())),
    repeat(t, PAUSE_MS, () => visitors.useKept()),
  ]
  const stop = () => Promise.all([load.stop(), ...stops.map((each) => each())])
  return { database, servers, phases, visitors, ledger: load.ledger, stop }
}

async function prepare(database: DatabaseServer, build: string): Promise<void> {
  await database.query('DROP DATABASE gatehouse', '')
  await database.query('CREATE DATABASE gatehouse CHARACTER SET utf8mb4', '')
  await migrate(database.rootUrl(), build)
  const privileges = 'SELECT, INSERT, UPDATE, DELETE'
  await database.query(`GRANT ${privileges} ON gatehouse.* TO ${DATABASE_USER}`)
  await addAccounts(database, ACCOUNTS)
}

/** Begins a phase, acts, and waits until clients have made several visits since. */
export async function phase(
  { phases }: Upgrade,
  name: string,
  act?: () => Promise<unknown>,
): Promise<void> {
  phases.begin(name)
  await act?.()
  const before = phases.rounds
  await until(
    () => phases.rounds >= before + ROUNDS || phases.problems.length > 0,
    () => `no visit ends:\n${phases.table()}`,
  )
}

/** Stops an instance as a service manager does, and starts a build in its place. */
export async function replace(server: Gatehouse, build: string): Promise<void> {
  server.signal('SIGTERM')
  const code = await server.exited()
  if (code !== 0) throw new Error(`the server exited with ${code}:\n${server.log.text}`)
  server.build = build
  await server.start()
  await until(
    async () => (await fetch(`${server.url}/readyz`)).ok,
    () => `the server is not ready:\n${server.log.text}`,
  )
}

/** Stops the load, prints the table, and adds what clients saw and what each instance holds to the report. */
export async function concludeUpgrade(t: TestContext, upgrade: Upgrade, fault: string) {
  const { phases, visitors, ledger, servers, database, stop } = upgrade
  await stop()
  const findings = new Findings()
  for (const { url } of servers) findings.add(await ledger.verify(url, database))
  const row = rowOf(fault, phases.observer, findings)
  row.problems.push(...phases.problems)
  row.problems.push(...servers.flatMap(({ log }) => log.errors.map((line) => `logged: ${line}`)))
  row.notes.push(visitors.summary)
  console.log(phases.table())
  conclude(t, row)
}
