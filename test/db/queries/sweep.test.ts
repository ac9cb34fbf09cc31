import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { eq, inArray, sql } from 'drizzle-orm'
import { takeLock } from '../../../db/named-lock.ts'
import { type Retention, sweep } from '../../../db/queries/sweep.ts'
import { events, loginFailures, sessions, tokens } from '../../../db/schema.ts'
import { transaction } from '../../../db/transaction.ts'
import { createDatabase } from '../../support/database/database.ts'
import { makeUser, storedSessions } from '../../support/http/accounts.ts'
import { type App, build } from '../../support/http/build.ts'

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

  t.assert.strictEqual(await sweep(app.db, retention), 1_204)
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
  t.assert.strictEqual(await sweep(app.db, retention), 0)
})

test('a sweep deletes nothing while another process sweeps', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const userId = await makeRows(app, 1)
  const before = await storedSessions(app, userId)
  const { app: other } = await build(t, { DATABASE_URL })
  const swept = await transaction(other.db, async (connection) => {
    t.assert.ok(await takeLock(connection, 'sweep', 0))
    return sweep(app.db, retention)
  })
  t.assert.strictEqual(swept, 0)
  t.assert.deepStrictEqual(await storedSessions(app, userId), before)
})

test('a sweep that is stopped ends after the current batch', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const userId = await makeRows(app, 1)
  const before = await storedSessions(app, userId)
  t.assert.strictEqual(await sweep(app.db, retention, AbortSignal.abort()), 0)
  t.assert.deepStrictEqual(await storedSessions(app, userId), before)
})
