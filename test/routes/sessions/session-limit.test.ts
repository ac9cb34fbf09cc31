import { type TestContext, test } from 'node:test'
import { and, desc, eq, sql } from 'drizzle-orm'
import { events, sessions } from '../../../db/schema.ts'
import { createDatabase } from '../../support/database/database.ts'
import { type Account, cookieOf, makeUser, storedSessions } from '../../support/http/accounts.ts'
import { type App, build, send } from '../../support/http/build.ts'

const DATABASE_URL = await createDatabase()

async function logIn(app: App, { username, password }: Account) {
  const response = await send(app, 'POST', '/login', { body: { username, password } })
  if (response.statusCode !== 200) throw new Error(response.body)
  return cookieOf(response)
}

async function statusesOf(app: App, cookies: string[]) {
  const answers = cookies.map((cookie) => send(app, 'GET', '/me', { cookie }))
  return (await Promise.all(answers)).map(({ statusCode }) => statusCode)
}

test('a login above the limit ends the oldest session, with an event', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, MAX_SESSIONS: 3 })
  const account = await makeUser(app)
  const cookies: string[] = []
  for (let login = 0; login < 4; login++) cookies.push(await logIn(app, account))
  t.assert.deepStrictEqual(await statusesOf(app, cookies), [401, 200, 200, 200])

  const ids = (await storedSessions(app, account.id)).sort((a, b) => a - b)
  t.assert.strictEqual(ids.length, 3)
  const recorded = await app.db
    .select()
    .from(events)
    .where(and(eq(events.userId, account.id), eq(events.type, 'session_ended')))
  t.assert.strictEqual(recorded.length, 1)
  const detail = JSON.parse(recorded[0]?.detail ?? '')
  t.assert.deepStrictEqual(detail, {
    ...{ sessionsEnded: 1, sessionIds: [detail.sessionIds[0]], limitReached: true },
  })
  t.assert.ok(detail.sessionIds[0] < (ids[0] ?? 0))
  t.assert.strictEqual(recorded[0]?.actorId, account.id)
})

test('a login that replaces a session or finds expired ones ends no live session', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, MAX_SESSIONS: 2 })
  const account = await makeUser(app)
  const [first, second] = [await logIn(app, account), await logIn(app, account)]
  const { username, password } = account
  const body = { username, password }
  const third = cookieOf(await send(app, 'POST', '/login', { body, cookie: second }))
  t.assert.deepStrictEqual(await statusesOf(app, [first, second, third]), [200, 401, 200])

  const [oldest] = (await storedSessions(app, account.id)).sort((a, b) => a - b)
  const idle = { lastSeenAt: sql`CURRENT_TIMESTAMP(3) - INTERVAL 2 DAY` }
  await app.db
    .update(sessions)
    .set(idle)
    .where(eq(sessions.id, oldest ?? 0))
  const fourth = await logIn(app, account)
  t.assert.deepStrictEqual(await statusesOf(app, [third, fourth]), [200, 200])
})

test('with a limit of one, each login ends the session before it', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, MAX_SESSIONS: 1 })
  const account = await makeUser(app)
  const [first, second] = [await logIn(app, account), await logIn(app, account)]
  t.assert.deepStrictEqual(await statusesOf(app, [first, second]), [401, 200])
})

const LOGINS = 60

test('concurrent logins leave no more sessions than the limit, and the youngest', async (t: TestContext) => {
  const settings = { MAX_SESSIONS: 5, HASH_QUEUE: 1_000, LOGIN_THROTTLE_ENABLED: false }
  const { app } = await build(t, { DATABASE_URL, ...settings })
  const account = await makeUser(app)
  const cookies = await Promise.all(Array.from({ length: LOGINS }, () => logIn(app, account)))
  const statuses = await statusesOf(app, cookies)
  t.assert.strictEqual(statuses.filter((status) => status === 200).length, 5)
  const [newest] = await app.db.select().from(sessions).orderBy(desc(sessions.id)).limit(1)
  const stored = await storedSessions(app, account.id)
  t.assert.strictEqual(stored.length, 5)
  t.assert.strictEqual(Math.max(...stored), newest?.id)
})
