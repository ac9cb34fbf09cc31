import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { eq, inArray, sql } from 'drizzle-orm'
import type { Database } from '../../../db/client.ts'
import { withLease } from '../../../db/lease.ts'
import { seedTokens } from '../../../db/queries/seed.ts'
import { type Retention, sweep } from '../../../db/queries/sweep.ts'
import * as users from '../../../db/queries/users.ts'
import {
  endedAccess,
  events,
  loginFailures,
  sessions,
  tokens,
  usedCookies,
} from '../../../db/schema.ts'
import { transaction } from '../../../db/transaction.ts'
import { createDatabase } from '../../support/database/database.ts'
import { changeTo, makeActor, makeDatabaseUser } from '../../support/database/database-users.ts'
import { open } from '../../support/database/open.ts'
import { makeUser, storedSessions } from '../../support/http/accounts.ts'
import { type App, build } from '../../support/http/build.ts'
import { until } from '../../support/until.ts'

const DATABASE_URL = await createDatabase()
const DAY_MS = 24 * 60 * 60 * 1_000
const retention: Retention = { idleMs: DAY_MS, eventsMs: 365 * DAY_MS }
const now = sql`CURRENT_TIMESTAMP(3)`
const ago = (days: number) => sql`${now} - INTERVAL ${days} DAY`

function session(userId: number, dates: object) {
  const digest = randomBytes(32)
  return { digest, userId, expiresAt: sql`${now} + INTERVAL 1 DAY`, ...dates }
}

async function makeRows(app: App, many: number): Promise<number> {
  const { id: userId } = await makeUser(app)
  const expired = Array.from({ length: many }, () => session(userId, { expiresAt: now }))
  await app.db
    .insert(sessions)
    .values([...expired, session(userId, { lastSeenAt: ago(2) }), session(userId, {})])
  await app.db.insert(tokens).values([
    { digest: randomBytes(32), userId, name: 'expired', expiresAt: now },
    { digest: randomBytes(32), userId, name: 'for ever' },
  ])
  return userId
}

test('a sweep of several batches deletes all expired rows and nothing else', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL: await createDatabase() })
  const userId = await makeRows(app, 1_200)
  const event = { type: 'login', outcome: 'success', userId } as const
  await app.db.insert(events).values([
    { ...event, id: 1_000_001, at: ago(366) },
    { ...event, id: 1_000_002, at: ago(364) },
  ])
  const [old, recent] = [randomBytes(32), randomBytes(32)]
  const counter = { failures: 3, blockedUntil: now }
  await app.db.insert(loginFailures).values([
    { ...counter, key: old, lastAt: ago(2) },
    { ...counter, key: recent, lastAt: now },
  ])

  const [expired, valid] = [randomBytes(32), randomBytes(32)]
  await app.db.insert(usedCookies).values([
    { digest: expired, expiresAt: now },
    { digest: valid, expiresAt: sql`${now} + INTERVAL 1 DAY` },
  ])

  t.assert.strictEqual(await sweep(app.db, retention), 1_205)
  const owned = async (table: typeof sessions | typeof tokens) =>
    (await app.db.select().from(table).where(eq(table.userId, userId))).length
  t.assert.strictEqual(await owned(sessions), 1)
  t.assert.strictEqual(await owned(tokens), 1)
  const kept = await app.db
    .select()
    .from(events)
    .where(inArray(events.id, [1_000_001, 1_000_002]))
  t.assert.deepStrictEqual(
    kept.map(({ id }) => id),
    [1_000_002],
  )
  const counters = await app.db.select().from(loginFailures)
  t.assert.deepStrictEqual(
    counters.map(({ key }) => key),
    [recent],
  )
  const cookies = await app.db.select().from(usedCookies)
  t.assert.deepStrictEqual(
    cookies.map(({ digest }) => digest),
    [valid],
  )
  t.assert.strictEqual(await sweep(app.db, retention), 0)
})

test('a sweep deletes nothing while another process sweeps', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const userId = await makeRows(app, 1)
  const before = await storedSessions(app, userId)
  const { app: other } = await build(t, { DATABASE_URL })
  await withLease(other.db, 'sweep', async () => {
    t.assert.strictEqual(await sweep(app.db, retention), undefined)
  })
  t.assert.deepStrictEqual(await storedSessions(app, userId), before)
})

test('a sweep that is stopped ends after the current batch', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const userId = await makeRows(app, 1)
  const before = await storedSessions(app, userId)
  t.assert.strictEqual(await sweep(app.db, retention, AbortSignal.abort()), 0)
  t.assert.deepStrictEqual(await storedSessions(app, userId), before)
})

test('a sweep that is stopped in the middle of ended tokens is continued by the next one', async (t: TestContext) => {
  const db = open(t, await createDatabase())
  const admin = await makeActor(db, await makeDatabaseUser(db, 'admin'))
  const [deleted, changed, live] = await Promise.all(
    Array.from({ length: 3 }, () => makeDatabaseUser(db)),
  )
  t.assert.ok(deleted && changed && live)
  for (const { id } of [deleted, changed, live]) await giveTokens(db, id, 5_000)
  t.assert.ok((await users.remove(db, changeTo(deleted.id, admin))).ok)
  const change = changeTo(changed.id, admin)
  t.assert.ok((await users.changePassword(db, change, { passwordHash: 'other' })).ok)
  const count = () => db.$count(tokens)
  t.assert.strictEqual(await count(), 15_000)

  const stop = new AbortController()
  const { sweeping } = await transaction(db, async (tx) => {
    // The sweep waits for these rows, so it is stopped before it has deleted them all.
    await tx.select().from(tokens).where(eq(tokens.userId, changed.id)).for('update')
    const sweeping = sweep(db, retention, stop.signal)
    await until(
      async () => (await count()) === 10_000,
      () => 'the tokens of the deleted account are not deleted',
    )
    stop.abort()
    return { sweeping }
  })
  const swept = await sweeping
  const left = await count()
  t.assert.ok(left >= 9_500, `${left} rows are left`)
  t.assert.strictEqual(swept, 15_000 - left)

  let sweptLater = 0
  await until(
    async () => {
      sweptLater += (await sweep(db, retention)) ?? 0
      return sweptLater > 0 // 0 while the server has not closed the connection that swept before
    },
    () => 'the rest is not deleted',
  )
  t.assert.strictEqual(sweptLater, left - 5_000)
  t.assert.strictEqual(await db.$count(tokens, eq(tokens.userId, live.id)), 5_000)
  t.assert.strictEqual(await count(), 5_000)
  t.assert.strictEqual(await db.$count(endedAccess), 0)
})

async function giveTokens(db: Database, userId: number, count: number): Promise<void> {
  const rows = Array.from({ length: count }, () => ({ userId, digest: randomBytes(32) }))
  await seedTokens(db, rows, { lifetimeMs: DAY_MS, name: 'many' })
}
