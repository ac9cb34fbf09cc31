import { mkdirSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  DATABASE_PASSWORD,
  DATABASE_USER,
  type DatabaseServer,
  startDatabaseServer,
} from '../../support/faults/database/database-server.ts'
import { failing, forwarding } from '../../support/faults/database/link-behaviours.ts'
import { occupy } from '../../support/faults/database/occupy.ts'
import { mountSmallDisk } from '../../support/faults/machine/small-disk.ts'
import { expectReads, Rates } from '../../support/faults/rates.ts'
import { arrange, scaled, TEMPLATE } from '../../support/faults/scene.ts'
import { underFault } from '../../support/faults/under-fault.ts'

const FAULT_S = scaled(6, 15)

test('F15 the password of the database user changes: requests are refused, and the server tries to connect at a low rate', async (t: TestContext) => {
  const scene = await arrange(t)
  let rates: Rates | undefined
  await underFault(
    t,
    scene,
    `F15 database password changed for ${FAULT_S} s`,
    async () => {
      await setPassword(scene.database, 'another password')
      rates = new Rates(scene)
      await scene.database.closeConnections()
      await sleep(FAULT_S * 1_000)
      rates.stop()
      await setPassword(scene.database, DATABASE_PASSWORD)
    },
    (row) => rates?.addTo(row),
  )
})

test('F15 max_connections is reached: requests are refused, and the server tries to connect at a low rate', async (t: TestContext) => {
  const scene = await arrange(t)
  let rates: Rates | undefined
  await underFault(
    t,
    scene,
    `F15 max_connections reached for ${FAULT_S} s`,
    async () => {
      const release = await occupy(scene.database)
      rates = new Rates(scene)
      scene.link.closeAll()
      await sleep(FAULT_S * 1_000)
      rates.stop()
      await release()
    },
    (row) => rates?.addTo(row),
  )
})

test('F15 a privilege is revoked: what needs it is refused, and reads go on', async (t: TestContext) => {
  const scene = await arrange(t)
  const onTokens = `INSERT ON gatehouse.tokens`
  let rates: Rates | undefined
  let startedAt = 0
  await underFault(
    t,
    scene,
    `F15 privilege revoked for ${FAULT_S} s`,
    async () => {
      startedAt = performance.now()
      await scene.database.query(`REVOKE ${onTokens} FROM ${DATABASE_USER}`)
      rates = new Rates(scene)
      await sleep(FAULT_S * 1_000)
      rates.stop()
      await scene.database.query(`GRANT ${onTokens} TO ${DATABASE_USER}`)
    },
    (row) => {
      rates?.addTo(row)
      expectReads(row, scene, startedAt)
    },
  )
})

test('F15 the disk of the database is full: writes are refused, and reads go on', async (t: TestContext) => {
  const disk = await mountSmallDisk()
  if (disk) mkdirSync(disk.folder, { mode: 0o700 })
  const database = await startDatabaseServer(t, TEMPLATE, disk && { folder: disk.folder })
  t.after(() => disk?.unmount())
  const scene = await arrange(t, { database })
  let rates: Rates | undefined
  let startedAt = 0
  await underFault(
    t,
    scene,
    `F15 disk full for ${FAULT_S} s`,
    async () => {
      startedAt = performance.now()
      rates = new Rates(scene)
      if (disk) disk.fill()
      else scene.link.behave(failing(/^insert into `events`/i, 1114, 'The table is full'))
      if (disk) await useUp(database)
      await sleep(FAULT_S * 1_000)
      rates.stop()
      if (disk) disk.clear()
      else scene.link.behave(forwarding)
    },
    (row) => {
      row.notes.push(disk ? 'on a disk of its own' : 'by a proxy: nothing can be mounted')
      const isRefused = ({ status }: { status: number }) => status === 503
      if (!scene.observer.seen('write', startedAt).some(isRefused)) {
        row.problems.push('no write was refused')
      }
      rates?.addTo(row)
      expectReads(row, scene, startedAt)
    },
  )
})

async function setPassword(database: DatabaseServer, password: string): Promise<void> {
  await database.query(`ALTER USER ${DATABASE_USER} IDENTIFIED BY '${password}'`)
}

/** Fills the space that the file of the audit trail has inside, with rows that nobody reads. */
async function useUp(database: DatabaseServer): Promise<void> {
  let id = 2 ** 40
  for (let many = 256; many >= 1; many = Math.floor(many / 4)) {
    for (let isFull = false; !isFull; ) {
      const rows = Array.from({ length: many }, () => `(${++id}, 'login', 'success', NULL)`)
      const insert = `INSERT INTO events (id, type, outcome, detail) VALUES ${rows.join(', ')}`
      isFull = await database.query(insert.replaceAll('NULL', `REPEAT('x', 900)`)).then(
        () => false,
        () => true,
      )
    }
  }
}
