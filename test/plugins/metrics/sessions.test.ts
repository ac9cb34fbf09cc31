import { type TestContext, test } from 'node:test'
import { eq, sql } from 'drizzle-orm'
import { createConnection } from 'mysql2/promise'
import type { Queryable } from '../../../db/client.ts'
import { recordEvent } from '../../../db/queries/events.ts'
import { events, sessions, users } from '../../../db/schema.ts'
import { transaction } from '../../../db/transaction.ts'
import { createDatabase } from '../../support/database/database.ts'
import {
  type Account,
  cookieOf,
  giveToken,
  makeUser,
  signIn,
  storedSessions,
} from '../../support/http/accounts.ts'
import { type App, build, send } from '../../support/http/build.ts'
import { EXCHANGE, flaskCookieOf, makeImported } from '../../support/http/imported.ts'
import { samplesOf } from '../../support/metrics/samples.ts'
import { until } from '../../support/until.ts'

const DATABASE_URL = await createDatabase()

test('sessions are counted as opened and ended, each by its reason, and tokens are not', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, METRICS_PORT: 0, MAX_SESSIONS: 2 })
  const admin = await signIn(app, await makeUser(app, 'admin'))
  const [alice, bob, carol] = [await makeUser(app), await makeUser(app), await makeUser(app)]

  const first = await logIn(app, alice) // opened: 1
  const second = await logIn(app, alice, first) // opened: 2, replaced: 1
  await logIn(app, alice) // opened: 3
  await logIn(app, alice) // opened: 4, over the limit: 1
  t.assert.strictEqual((await storedSessions(app, alice.id)).length, 2)
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie: second })).statusCode, 401)

  const own = await logIn(app, bob) // opened: 5
  await logIn(app, bob) // opened: 6
  const body = { password: 'another secret of bob' }
  const path = `/user/update-password/${bob.id}`
  await send(app, 'PUT', path, { cookie: own, body }) // by the new password: 1
  await send(app, 'POST', '/logout', { cookie: own }) // logout: 1

  await signIn(app, carol)
  await signIn(app, carol)
  await giveToken(app, carol)
  await send(app, 'PATCH', `/user/${carol.id}`, { cookie: admin, body: { disabled: true } }) // 2
  await send(app, 'DELETE', `/users/${alice.id}/sessions`, { cookie: admin }) // ended: 2
  const dora = await makeUser(app)
  await signIn(app, dora)
  await send(app, 'DELETE', `/user/${dora.id}`, { cookie: admin }) // deleted: 1

  t.assert.deepStrictEqual(await countsOf(app), {
    opened: { login: 6, flask_cookie: 0 },
    ended: {
      ...{ logout: 1, ended: 2, replaced: 1, session_limit: 1, expired: 0 },
      ...{ password_changed: 1, user_disabled: 2, user_deleted: 1 },
    },
  })
})

test('a login whose transaction is rolled back, or runs again, is counted when it is committed', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, METRICS_PORT: 0 })
  const { id: userId } = await makeUser(app)
  const recordLogin = (tx: Queryable) => recordEvent(tx, {}, { type: 'login', userId })
  const stored = () => app.db.$count(events, eq(events.userId, userId))
  const undone = transaction(app.db, async (tx) => {
    await recordLogin(tx)
    throw new Error('undo it')
  })
  await t.assert.rejects(undone, /undo it/)
  t.assert.deepStrictEqual([await stored(), (await countsOf(app)).opened.login], [0, 0])

  const holder = await createConnection(DATABASE_URL)
  t.after(() => holder.destroy())
  await holder.query('BEGIN')
  await holder.query('SELECT * FROM users WHERE id = ? FOR UPDATE', [userId])
  let attempts = 0
  await transaction(app.db, async (tx) => {
    await recordLogin(tx)
    const isHeld = eq(users.id, userId)
    // The first attempt ends with the limit of its wait for the lock.
    if (++attempts === 1) await tx.select().from(users).where(isHeld).for('update')
  })
  t.assert.strictEqual(attempts, 2)
  t.assert.deepStrictEqual([await stored(), (await countsOf(app)).opened.login], [1, 1])
})

test('an expired session that is swept counts as expired', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, METRICS_PORT: 0 })
  const account = await makeUser(app)
  await signIn(app, account)
  const past = { expiresAt: sql`CURRENT_TIMESTAMP(3)` }
  await app.db.update(sessions).set(past).where(eq(sessions.userId, account.id))
  app.sweeper.wake()
  await until(
    async () => (await countsOf(app)).ended.expired === 1,
    () => 'no session is counted as expired',
  )
  t.assert.deepStrictEqual(await storedSessions(app, account.id), [])
})

test('an exchanged cookie of Flask counts as a session that it opened', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, METRICS_PORT: 0, ...EXCHANGE })
  const account = await makeImported(app)
  await send(app, 'GET', '/me', { cookie: flaskCookieOf(account) })
  t.assert.strictEqual((await storedSessions(app, account.id)).length, 1)
  t.assert.deepStrictEqual((await countsOf(app)).opened, { login: 0, flask_cookie: 1 })
})

async function logIn(app: App, { username, password }: Account, cookie?: string) {
  const body = { username, password }
  return cookieOf(await send(app, 'POST', '/login', { body, ...(cookie && { cookie }) }))
}

async function countsOf(app: App) {
  const samples = await samplesOf(app)
  const by = (name: string, label: string): Record<string, number> =>
    Object.fromEntries(samples.find(name).map(({ labels, value }) => [labels[label], value]))
  return {
    opened: by('gatehouse_sessions_opened_total', 'by'),
    ended: by('gatehouse_sessions_ended_total', 'reason'),
  }
}
