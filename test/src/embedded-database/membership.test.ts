import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise'
import { joinEmbeddedDatabase } from '../../../src/embedded-database/embedded-database.ts'
import { LOCK, STOPPING } from '../../../src/embedded-database/membership.ts'
import { query } from '../../support/database/query.ts'
import {
  ended,
  install,
  makeDatabaseFiles,
  needsServerBinary,
} from '../../support/process/installation.ts'

const databaseFiles = await makeDatabaseFiles()
const POLL_MS = 20

test(
  'a process that joins, while the last user has the lock and stops the server, gets the next server',
  needsServerBinary,
  async (t: TestContext) => {
    const { data, databasePid } = await install(t, databaseFiles)
    const { url, lost } = await joinEmbeddedDatabase(data)
    const pid = databasePid()
    // The test is the last user, which has found no others.
    const last = await createConnection(url)
    last.on('error', () => undefined)
    await last.query('SELECT GET_LOCK(?, 10)', [LOCK])

    const joining = joinEmbeddedDatabase(data)
    const joined = joining.then(() => t.assert.fail('joined a server that is about to stop'))
    await Promise.race([joined, untilWaitsForLock(last)])
    joined.catch(() => undefined)
    await last.query('SET GLOBAL init_connect = ?', [STOPPING])
    await last.query('SHUTDOWN').catch(() => undefined)

    const next = await joining
    t.after(next.close)
    t.assert.notStrictEqual(databasePid(), pid)
    await lost
    t.assert.deepStrictEqual(await query(next.url, 'SELECT 1 AS one'), [{ one: 1 }])
  },
)

test(
  'a process that joins, where the last user died before it stopped the server, stops it and starts the next',
  needsServerBinary,
  async (t: TestContext) => {
    const { data, databasePid } = await install(t, databaseFiles)
    const { url, lost } = await joinEmbeddedDatabase(data)
    const pid = databasePid()
    await query(url, `SET GLOBAL init_connect = "${STOPPING}"`)

    const next = await joinEmbeddedDatabase(data)
    t.after(next.close)
    t.assert.notStrictEqual(databasePid(), pid)
    await lost
    t.assert.deepStrictEqual(await query(next.url, 'SELECT 1 AS one'), [{ one: 1 }])
  },
)

test(
  'the private database, left by one user while two others join, serves those two',
  needsServerBinary,
  async (t: TestContext) => {
    const { data, databasePid } = await install(t, databaseFiles)
    const join = async (delayMs: number) => {
      await sleep(delayMs)
      const database = await joinEmbeddedDatabase(data)
      let isLeaving = false
      database.lost.then(() => isLeaving || t.assert.fail('the server stopped while it was in use'))
      t.assert.deepStrictEqual(await query(database.url, 'SELECT 1 AS one'), [{ one: 1 }])
      return () => {
        isLeaving = true
        return database.close()
      }
    }
    let leave = await join(0)
    const pids = new Set([databasePid()])
    // The delays bring the join before, into and after the time in which the user leaves.
    for (let delayMs = 0; delayMs < 20; delayMs += 2) {
      const leaving = sleep(10).then(leave)
      const [one, other] = await Promise.all([join(delayMs), join(delayMs), leaving])
      pids.add(databasePid())
      await one()
      leave = other
    }
    await leave()
    for (const pid of pids) await ended(pid)
  },
)

async function untilWaitsForLock(connection: Connection): Promise<void> {
  for (;;) {
    const [rows] = await connection.query<RowDataPacket[]>('SHOW PROCESSLIST')
    if (rows.some(({ Info }) => Info?.includes('GET_LOCK'))) return
    await sleep(POLL_MS)
  }
}
