import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { desc, eq } from 'drizzle-orm'
import { digest } from '../../../db/digest.ts'
import { seedSessions, seedTokens } from '../../../db/queries/seed.ts'
import { endedAccess, events, sessions, tokens } from '../../../db/schema.ts'
import { createDatabase } from '../../support/database/database.ts'
import { isTidb } from '../../support/database/engine.ts'
import {
  type Account,
  cookieOf,
  makeUser,
  signIn,
  storedSessions,
} from '../../support/http/accounts.ts'
import { type App, build, send } from '../../support/http/build.ts'
import { readList } from '../../support/http/read-list.ts'
import { until } from '../../support/until.ts'

const DATABASE_URL = await createDatabase()
/** TiDB takes too long to delete as many rows as the others. */
const MANY = isTidb ? 10_000 : 50_000
const BATCH = 5_000
const LIFETIME = { lifetimeMs: 3_600_000 }

test(`a password change of an account with ${MANY} tokens ends each of them at once, and their rows are deleted later`, async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const other = await makeUser(app)
  const othersTokens = await giveTokens(app, other, 3)
  const cookie = await signIn(app, account)
  const secrets = await giveTokens(app, account, MANY)
  t.assert.deepStrictEqual(await statusesOf(app, sample(secrets)), Array(50).fill(200))

  const body = { password: 'another secret of mine' }
  const url = `/user/update-password/${account.id}`
  const changed = await send(app, 'PUT', url, { cookie, body })
  t.assert.strictEqual(changed.statusCode, 200, changed.body)
  t.assert.deepStrictEqual(await statusesOf(app, sample(secrets)), Array(50).fill(401))
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie })).statusCode, 200)

  const made = await send(app, 'POST', '/tokens', { cookie, body: { name: 'after' } })
  t.assert.strictEqual(made.statusCode, 200, made.body)
  t.assert.deepStrictEqual(await statusesOf(app, [made.json().token, ...othersTokens]), [
    ...[200, 200, 200, 200],
  ])
  const listed = await readList<{ id: number }>(t, app, '/tokens?limit=100', cookie)
  t.assert.deepStrictEqual(
    listed.map(({ id }) => id),
    [made.json().id],
  )
  const { tokensEnded, tokenIds, sessionsEnded } = await latestDetail(app, 'password_changed')
  t.assert.strictEqual(tokensEnded, MANY)
  t.assert.strictEqual(tokenIds.length, 20)
  t.assert.strictEqual(sessionsEnded, 0)

  await untilRows(app, tokens, account, 1)
  t.assert.deepStrictEqual(await statusesOf(app, [made.json().token, ...othersTokens]), [
    ...[200, 200, 200, 200],
  ])
  await untilNothingIsLeft(app)
})

test('the end of many sessions keeps that of the request, and the account can log in again', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const before = await giveSessions(app, account, 2_000)
  const cookie = await signIn(app, account)
  const after = await giveSessions(app, account, 2_000)
  const others = sample([...before, ...after])
  t.assert.strictEqual((await send(app, 'DELETE', '/sessions', { cookie })).statusCode, 200)
  for (const ended of others) {
    t.assert.strictEqual((await send(app, 'GET', '/me', { cookie: ended })).statusCode, 401)
  }
  const listed = await readList<{ current: boolean }>(t, app, '/sessions?limit=100', cookie)
  t.assert.deepStrictEqual(
    listed.map(({ current }) => current),
    [true],
  )
  t.assert.strictEqual((await latestDetail(app, 'session_ended')).sessionsEnded, 4_000)

  const { username, password } = account
  const response = await send(app, 'POST', '/login', { body: { username, password } })
  t.assert.strictEqual(
    (await send(app, 'GET', '/me', { cookie: cookieOf(response) })).statusCode,
    200,
  )
  await untilRows(app, sessions, account, 2)
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie })).statusCode, 200)
})

test('a change by an admin of an account with many sessions keeps the sessions of the admin', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const [admin, account] = [await makeUser(app, 'admin'), await makeUser(app)]
  const cookie = await signIn(app, admin)
  const [ended = ''] = await giveSessions(app, account, 1_500)
  const body = { password: 'another secret of mine' }
  const url = `/user/update-password/${account.id}`
  t.assert.strictEqual((await send(app, 'PUT', url, { cookie, body })).statusCode, 200)
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie: ended })).statusCode, 401)
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie })).statusCode, 200)
  await untilRows(app, sessions, account, 0)
})

test('the deletion of an account with many sessions and tokens ends all of them at once', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const [admin, account] = [await makeUser(app, 'admin'), await makeUser(app)]
  const secrets = await giveTokens(app, account, 5_000)
  const cookies = await giveSessions(app, account, 5_000)
  const cookie = await signIn(app, admin)
  const deleted = await send(app, 'DELETE', `/user/${account.id}`, { cookie })
  t.assert.strictEqual(deleted.statusCode, 200, deleted.body)
  t.assert.deepStrictEqual(await statusesOf(app, sample(secrets)), Array(50).fill(401))
  for (const ended of sample(cookies)) {
    t.assert.strictEqual((await send(app, 'GET', '/me', { cookie: ended })).statusCode, 401)
  }
  const { sessionsEnded, tokensEnded } = await latestDetail(app, 'user_deleted')
  t.assert.deepStrictEqual(
    { sessionsEnded, tokensEnded },
    { sessionsEnded: 5_000, tokensEnded: 5_000 },
  )
  await untilRows(app, tokens, account, 0)
  await untilRows(app, sessions, account, 0)
})

test('an account that is disabled and enabled again has none of its many tokens', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const [admin, account] = [await makeUser(app, 'admin'), await makeUser(app)]
  const secrets = sample(await giveTokens(app, account, 2_000))
  const cookie = await signIn(app, admin)
  for (const disabled of [true, false]) {
    const body = { disabled }
    const answer = await send(app, 'PATCH', `/user/${account.id}`, { cookie, body })
    t.assert.strictEqual(answer.statusCode, 200)
    t.assert.deepStrictEqual(await statusesOf(app, secrets), Array(50).fill(401))
  }
})

test('a login to an account with far more sessions than the limit ends all but the newest', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, MAX_SESSIONS: 10 })
  const account = await makeUser(app)
  const cookies = await giveSessions(app, account, 3_000)
  const { username, password } = account
  const response = await send(app, 'POST', '/login', { body: { username, password } })
  t.assert.strictEqual(response.statusCode, 200)
  const kept = [...cookies.slice(-9), cookieOf(response)]
  for (const cookie of kept) {
    t.assert.strictEqual((await send(app, 'GET', '/me', { cookie })).statusCode, 200)
  }
  for (const cookie of [...sample(cookies.slice(0, -9)), cookies.at(-10)]) {
    t.assert.strictEqual((await send(app, 'GET', '/me', { cookie: cookie ?? '' })).statusCode, 401)
  }
  app.sweeper.wake()
  await until(
    async () => (await storedSessions(app, account.id)).length === 10,
    () => 'rows of ended sessions are left',
  )
})

async function giveTokens(app: App, { id: userId }: Account, count: number): Promise<string[]> {
  const secrets = Array.from({ length: count }, () => app.tokenFormat.create())
  for (const batch of batches(secrets)) {
    const rows = batch.map((secret) => ({ userId, digest: digest(secret) }))
    await seedTokens(app.db, rows, { ...LIFETIME, name: 'many' })
  }
  return secrets
}

/** @returns values of the `Cookie` header */
async function giveSessions(app: App, { id: userId }: Account, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () => randomBytes(24).toString('base64url'))
  for (const batch of batches(ids)) {
    const rows = batch.map((secretId) => ({ userId, digest: digest(secretId) }))
    await seedSessions(app.db, rows, { ...LIFETIME, userAgent: 'many' })
  }
  const { name, signer } = app.sessionCookie
  return ids.map((secretId) => `${name}=${encodeURIComponent(signer.sign(secretId))}`)
}

function batches<Item>(items: Item[]): Item[][] {
  const count = Math.ceil(items.length / BATCH)
  return Array.from({ length: count }, (_, index) =>
    items.slice(index * BATCH, (index + 1) * BATCH),
  )
}

/** @returns 50 of the items, from the first to the last */
function sample<Item>(items: Item[]): Item[] {
  return items.filter((_, index) => index % Math.floor(items.length / 50) === 0).slice(0, 50)
}

async function statusesOf(app: App, secrets: string[]): Promise<number[]> {
  const answers = secrets.map((secret) =>
    send(app, 'GET', '/me', { headers: { authorization: `Bearer ${secret}` } }),
  )
  return (await Promise.all(answers)).map(({ statusCode }) => statusCode)
}

async function latestDetail(app: App, type: 'password_changed' | 'session_ended' | 'user_deleted') {
  const [event] = await app.db
    .select()
    .from(events)
    .where(eq(events.type, type))
    .orderBy(desc(events.id))
    .limit(1)
  return JSON.parse(event?.detail ?? '')
}

function untilRows(
  app: App,
  table: typeof sessions | typeof tokens,
  { id }: Account,
  expected: number,
): Promise<void> {
  let rows = -1
  return until(
    async () => {
      rows = await app.db.$count(table, eq(table.userId, id))
      return rows === expected
    },
    () => `${rows} rows are left`,
  )
}

function untilNothingIsLeft(app: App): Promise<void> {
  return until(
    async () => (await app.db.$count(endedAccess)) === 0,
    () => 'the account is still to be swept',
  )
}
