import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { withLease } from '../../db/lease.ts'
import { createDatabase } from '../support/database/database.ts'
import { open } from '../support/database/open.ts'
import { query } from '../support/database/query.ts'
import { until } from '../support/until.ts'

test('a lease, wanted by many processes, is held by one at a time, and is free afterwards', async (t: TestContext) => {
  const url = await createDatabase()
  const processes = Array.from({ length: 4 }, () => open(t, url, 2))
  let holders = 0
  let most = 0
  const work = async () => {
    most = Math.max(most, ++holders)
    await sleep(20)
    holders--
    return 'done'
  }
  const results = await Promise.all(
    processes.map((db) => withLease(db, 'sweep', work, { waitMs: 10_000 })),
  )
  t.assert.deepStrictEqual(results, ['done', 'done', 'done', 'done'])
  t.assert.strictEqual(most, 1)
  t.assert.ok((await secondsLeft(url)) <= 0)
})

test('a lease that another process holds is not given, and leases of other names are', async (t: TestContext) => {
  const url = await createDatabase()
  const [first, second] = [open(t, url, 2), open(t, url, 2)]
  await withLease(first, 'sweep', async () => {
    t.assert.strictEqual(await withLease(second, 'sweep', async () => 'done'), undefined)
    t.assert.strictEqual(await withLease(second, 'import', async () => 'done'), 'done')
  })
  t.assert.strictEqual(await withLease(second, 'sweep', async () => 'done'), 'done')
})

test('a lease is renewed while its work runs, and work whose lease another process has taken is stopped', async (t: TestContext) => {
  const url = await createDatabase()
  const [db, other] = [open(t, url, 2), open(t, url, 2)]
  const work = async (lost: AbortSignal) => {
    await sleep(2_000)
    t.assert.strictEqual(await withLease(other, 'migrate', async () => 'done'), undefined)
    t.assert.strictEqual(lost.aborted, false)
    await query(url, "UPDATE leases SET holder = 'another'")
    await until(
      async () => lost.aborted,
      () => 'the work goes on',
    )
  }
  await withLease(db, 'migrate', work, { leaseMs: 900 })
  const [row] = await query(url, 'SELECT holder FROM leases')
  t.assert.deepStrictEqual(row, { holder: 'another' })
})

test('a lease whose work rejects is free, and the error is passed on', async (t: TestContext) => {
  const db = open(t, await createDatabase(), 2)
  const failed = withLease(db, 'sweep', async () => {
    throw new Error('the work failed')
  })
  await t.assert.rejects(failed, { message: 'the work failed' })
  t.assert.strictEqual(await withLease(db, 'sweep', async () => 'done'), 'done')
})

async function secondsLeft(url: string): Promise<number> {
  const [row] = await query(
    url,
    'SELECT TIMESTAMPDIFF(SECOND, CURRENT_TIMESTAMP, expires_at) AS s FROM leases',
  )
  return Number(row?.s)
}
