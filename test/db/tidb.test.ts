import { type TestContext, test } from 'node:test'
import { sql } from 'drizzle-orm'
import type { Database } from '../../db/client.ts'
import { loginFailures, sessions } from '../../db/schema.ts'
import { transaction } from '../../db/transaction.ts'
import { createDatabase } from '../support/database/database.ts'
import { isTidb } from '../support/database/engine.ts'
import { open } from '../support/database/open.ts'
import { query } from '../support/database/query.ts'

const skip = !isTidb && 'the server is not TiDB'

test('transactions on TiDB lock the rows that they write, also if the server is set to optimistic ones', {
  skip,
}, async (t: TestContext) => {
  const url = await createDatabase()
  const [{ mode } = {}] = await query(url, 'SELECT @@GLOBAL.tidb_txn_mode AS mode')
  // The database is dropped before.
  const server = new URL('/', url).href
  t.after(() => query(server, `SET GLOBAL tidb_txn_mode = '${mode}'`))
  await query(url, "SET GLOBAL tidb_txn_mode = 'optimistic'")
  const [{ tried } = {}] = await query(url, 'SELECT @@tidb_txn_mode AS tried')
  t.assert.strictEqual(tried, 'optimistic')

  const db = open(t, url)
  const at = sql`CURRENT_TIMESTAMP(3)`
  const key = Buffer.alloc(32)
  await db.insert(loginFailures).values({ key, failures: 0, lastAt: at, blockedUntil: at })
  let runs = 0
  const increment = () =>
    transaction(db, async (tx) => {
      runs++
      const [row] = await tx.select().from(loginFailures).for('update')
      await tx.update(loginFailures).set({ failures: (row?.failures ?? 0) + 1 })
    })
  const count = 20
  await Promise.all(Array.from({ length: count }, increment))
  const [row] = await db.select().from(loginFailures)
  t.assert.deepStrictEqual({ failures: row?.failures, runs }, { failures: count, runs: count })
})

test('ids on TiDB ascend in the order of inserts through every server, as the oldest session is found by them', {
  skip,
}, async (t: TestContext) => {
  const url = await createDatabase()
  for (const table of ['users', 'sessions', 'tokens']) {
    const [row] = await query(url, `SHOW CREATE TABLE ${table}`)
    t.assert.match(String(row?.['Create Table']), /AUTO_ID_CACHE=1/, table)
  }
  const db = open(t, url)
  const ids: number[] = []
  for (let index = 0; index < 5; index++) ids.push(await addSession(db, index))
  t.assert.deepStrictEqual(
    ids,
    ids.toSorted((a, b) => a - b),
  )
})

async function addSession(db: Database, index: number): Promise<number> {
  const expiresAt = sql`CURRENT_TIMESTAMP(3) + INTERVAL 1 DAY`
  const [{ insertId }] = await db
    .insert(sessions)
    .values({ digest: Buffer.alloc(32, index), userId: 1, expiresAt })
  return insertId
}
