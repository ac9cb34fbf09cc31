import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { eq, sql } from 'drizzle-orm'
import Fastify from 'fastify'
import { Servers } from '../../db/client.ts'
import { sessions } from '../../db/schema.ts'
import database from '../../plugins/database.ts'
import faultLog from '../../plugins/fault-log.ts'
import sweeper from '../../plugins/sweeper.ts'
import { createDatabase } from '../support/database/database.ts'
import { makeUser, signIn, storedSessions } from '../support/http/accounts.ts'
import { build } from '../support/http/build.ts'
import { LogCapture } from '../support/log-capture.ts'

const DATABASE_URL = await createDatabase()
const DAY_MS = 86_400_000
const OPTIONS = { idleMs: DAY_MS, eventsMs: DAY_MS, intervalMs: 20 }

/** Polls, since nobody is told when a sweep is over. */
async function until(isSo: () => Promise<boolean>): Promise<boolean> {
  for (let polls = 0; polls < 250; polls++) {
    if (await isSo()) return true
    await sleep(20)
  }
  return false
}

test('the sweeper regularly deletes what has expired, and nothing else', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const [over, live] = [await makeUser(app), await makeUser(app)]
  for (const account of [over, live]) await signIn(app, account)
  const past = { expiresAt: sql`CURRENT_TIMESTAMP(3)` }
  await app.db.update(sessions).set(past).where(eq(sessions.userId, over.id))

  const other = Fastify()
  t.after(() => other.close())
  await other.register(faultLog)
  await other.register(database, { servers: new Servers(DATABASE_URL), timeoutMs: 10_000 })
  await other.register(sweeper, OPTIONS)
  t.assert.ok(await until(async () => (await storedSessions(app, over.id)).length === 0))
  t.assert.strictEqual((await storedSessions(app, live.id)).length, 1)
})

test('the sweeper logs a failure of the database and tries again', async (t: TestContext) => {
  const url = await createDatabase()
  const { app } = await build(t, { DATABASE_URL: url })
  const log = new LogCapture()
  const other = Fastify({ logger: { stream: log } })
  t.after(() => other.close())
  await other.register(faultLog)
  await other.register(database, { servers: new Servers(url), timeoutMs: 10_000 })
  await app.db.execute(sql`RENAME TABLE tokens TO tokens_away`)
  await other.register(sweeper, OPTIONS)
  t.assert.ok(await until(async () => log.text.includes('rows were not deleted')))
  await app.db.execute(sql`RENAME TABLE tokens_away TO tokens`)
  const account = await makeUser(app)
  await signIn(app, account)
  await app.db.update(sessions).set({ expiresAt: sql`CURRENT_TIMESTAMP(3)` })
  t.assert.ok(await until(async () => (await storedSessions(app, account.id)).length === 0))
})

test('a sweeper that is woken sweeps at once, however often, and not only at its interval', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const past = { expiresAt: sql`CURRENT_TIMESTAMP(3)` }
  for (let round = 0; round < 3; round++) {
    await signIn(app, account)
    await app.db.update(sessions).set(past).where(eq(sessions.userId, account.id))
    for (let calls = 0; calls < 10; calls++) app.sweeper.wake()
    t.assert.ok(await until(async () => (await storedSessions(app, account.id)).length === 0))
  }
})
