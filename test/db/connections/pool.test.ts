import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { closeDatabase, type Database, forRequest, openDatabase } from '../../../db/client.ts'
import { databaseFault } from '../../../db/errors.ts'
import { transaction } from '../../../db/transaction.ts'
import { createDatabase } from '../../support/database/database.ts'
import { createDatabaseLink } from '../../support/database/database-link.ts'
import { failureOf } from '../../support/failure-of.ts'
import { until } from '../../support/until.ts'

const DATABASE_URL = await createDatabase()
const TIMEOUT_MS = 1_500
const CONNECTIONS = 3
/** A pool that loses a connection shows as an operation without end. */
const bounded = { timeout: 30_000 }

test(
  'an operation that the database does not answer ends at its time limit, and so do those that wait for a connection',
  bounded,
  async (t: TestContext) => {
    const { db, link } = await linked(t)
    await selectOne(db)
    link.stall()
    const all = Array.from({ length: 4 * CONNECTIONS }, () => failureOf(selectOne(db)))
    const codes = new Set((await Promise.all(all)).map((error) => databaseFault(error)?.code))
    t.assert.deepStrictEqual([...codes], ['DATABASE_TIMEOUT'])
    t.assert.deepStrictEqual(db.pool.load, { busy: 0, idle: 0, waiting: 0 })
  },
)

test(
  'a database that responds again after a silence of its connections serves all operations',
  bounded,
  async (t: TestContext) => {
    const { db, link } = await linked(t)
    await Promise.all(Array.from({ length: CONNECTIONS }, () => selectOne(db)))
    link.stall()
    await Promise.all(Array.from({ length: CONNECTIONS }, () => failureOf(selectOne(db))))
    link.resume()
    await untilServed(db)
    await Promise.all(Array.from({ length: 4 * CONNECTIONS }, () => selectOne(db)))
  },
)

test(
  'an operation is refused at once while the database cannot be reached, and one attempt to connect at a time is made',
  bounded,
  async (t: TestContext) => {
    const { db, link } = await linked(t)
    link.refuse()
    await failureOf(selectOne(db))
    const before = link.attempts()
    t.assert.strictEqual(before, 1)
    const startedAt = performance.now()
    for (let count = 0; count < 1_000; count++) await failureOf(selectOne(db))
    await sleep(2_500)
    const seconds = (performance.now() - startedAt) / 1_000
    const retries = link.attempts() - before
    t.assert.ok(retries >= 1 && retries <= seconds, `${retries} attempts in ${seconds} s`)

    link.accept()
    await untilServed(db)
  },
)

test(
  'connections that the database closes at their first query are opened at most once a second',
  bounded,
  async (t: TestContext) => {
    const { db, link } = await linked(t)
    link.resetAfter('SELECT 1')
    const startedAt = performance.now()
    for (let count = 0; count < 1_000; count++) await failureOf(selectOne(db))
    await sleep(2_500)
    for (let count = 0; count < 1_000; count++) await failureOf(selectOne(db))
    const seconds = (performance.now() - startedAt) / 1_000
    t.assert.ok(link.attempts() <= 1 + seconds, `${link.attempts()} attempts in ${seconds} s`)

    link.resume()
    await untilServed(db)
    await Promise.all(Array.from({ length: 4 * CONNECTIONS }, () => selectOne(db)))
  },
)

test('operations share the connections of the pool, and more wait for one', async (t: TestContext) => {
  const db = openDatabase(DATABASE_URL, { connections: CONNECTIONS })
  t.after(() => closeDatabase(db))
  const ids = await Promise.all(
    Array.from({ length: 50 }, async () => {
      const [rows] = await db.execute(sql`SELECT CONNECTION_ID() AS id`)
      return JSON.stringify(rows)
    }),
  )
  t.assert.ok(new Set(ids).size <= CONNECTIONS)
  t.assert.strictEqual(db.pool.load.busy, 0)
})

test('an operation is refused when 1,000 wait already', async (t: TestContext) => {
  const db = openDatabase(DATABASE_URL, { connections: 1 })
  t.after(() => closeDatabase(db))
  const all = await Promise.allSettled(Array.from({ length: 1_002 }, () => selectOne(db)))
  const refused = all.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
  t.assert.ok(refused.length >= 1)
  for (const error of refused) t.assert.strictEqual(databaseFault(error)?.code, 'POOL_QUEUE_FULL')
})

test('a connection that the server closes while it is idle is replaced', async (t: TestContext) => {
  const db = openDatabase(DATABASE_URL, { connections: 1 })
  const other = openDatabase(DATABASE_URL, { connections: 1 })
  t.after(() => Promise.all([db, other].map(closeDatabase)))
  const [rows] = await db.execute(sql`SELECT CONNECTION_ID() AS id`)
  const id = JSON.parse(JSON.stringify(rows))[0].id
  await other.execute(sql`KILL ${sql.raw(String(id))}`)
  await until(
    () => db.pool.load.idle === 0,
    () => 'the pool keeps the closed connection',
  )
  await selectOne(db)
})

test('a pool that closes waits for its operations and refuses new ones', async (t: TestContext) => {
  const db = openDatabase(DATABASE_URL, { connections: 2 })
  await selectOne(db)
  const slow = db.execute(sql`SELECT SLEEP(0.3)`)
  const closing = closeDatabase(db)
  t.assert.strictEqual(databaseFault(await failureOf(selectOne(db)))?.code, 'POOL_CLOSED')
  t.assert.strictEqual(
    await Promise.race([closing.then(() => 'closed'), slow.then(() => 'done')]),
    'done',
  )
  await closing
})

test('a pool closes although the database is silent', bounded, async (t: TestContext) => {
  const { db, link } = await linked(t)
  await Promise.all(Array.from({ length: CONNECTIONS }, () => selectOne(db)))
  link.stall()
  const pending = failureOf(selectOne(db))
  await closeDatabase(db)
  t.assert.strictEqual(databaseFault(await pending)?.code, 'DATABASE_TIMEOUT')
})

test('the operations of a request share one time limit', bounded, async (t: TestContext) => {
  const db = openDatabase(DATABASE_URL, { connections: 2, timeoutMs: TIMEOUT_MS })
  t.after(() => closeDatabase(db))
  const request = forRequest(db, new AbortController().signal)
  const half = sql`SELECT SLEEP(${(0.6 * TIMEOUT_MS) / 1_000})`
  await request.execute(half)
  await sleep(TIMEOUT_MS) // time between operations is not counted
  t.assert.strictEqual(
    databaseFault(await failureOf(request.execute(half)))?.code,
    'DATABASE_TIMEOUT',
  )
  t.assert.strictEqual(databaseFault(await failureOf(selectOne(request)))?.code, 'DATABASE_TIMEOUT')
  await selectOne(db)
  await transaction(db, selectOne)
})

/** A pool whose database is behind a link that the test controls. */
async function linked(t: TestContext) {
  const link = await createDatabaseLink(DATABASE_URL)
  const db = openDatabase(link.url, { connections: CONNECTIONS, timeoutMs: TIMEOUT_MS })
  t.after(async () => {
    await closeDatabase(db)
    await link.cut()
  })
  return { db, link }
}

/** Waits until an operation succeeds. */
async function untilServed(db: Database): Promise<void> {
  await until(
    () =>
      selectOne(db).then(
        () => true,
        () => false,
      ),
    () => 'no operation succeeds',
  )
}

function selectOne(db: Pick<Database, 'execute'>) {
  return db.execute(sql`SELECT 1`)
}
