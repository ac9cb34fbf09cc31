import { type TestContext, test } from 'node:test'
import { sql } from 'drizzle-orm'
import { eventCounter, events } from '../../../db/schema.ts'
import { transaction } from '../../../db/transaction.ts'
import { createDatabase } from '../../support/database/database.ts'
import { open } from '../../support/database/open.ts'
import {
  cookieOf,
  makeUser,
  signIn,
  storedSessions,
  storedUser,
} from '../../support/http/accounts.ts'
import { type App, build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'
import { readList } from '../../support/http/read-list.ts'

const DATABASE_URL = await createDatabase()

/** As the response schema holds them to it. */
interface TestEvent {
  type: string
  outcome: string
  actorId: number | null
  userId: number
  address: string
  requestId: string
  count: number
  detail: Record<string, unknown>
}

async function eventsOf(app: App, cookie: string, userId: number) {
  return (await send(app, 'GET', `/events?userId=${userId}`, { cookie })).json().items
}

test('every change records an event with the actor, the account, the address and the request', async (t: TestContext) => {
  const { app, keepSecret } = await build(t, { DATABASE_URL, TRUST_PROXY: '127.0.0.1' })
  const admin = await makeUser(app, 'admin')
  const byAdmin = await signIn(app, admin)
  const credentials = { username: 'evented', password: 'a secret of the events' }
  let requests = 0
  const ask = (...[method, url, options]: [Parameters<typeof send>[1], string, object?]) => {
    const headers = { 'x-forwarded-for': '192.0.2.7', 'x-request-id': `request-${++requests}` }
    return send(app, method, url, { ...options, headers })
  }
  const id = (await ask('POST', '/user', { body: credentials })).json().user.id
  const logIn = async () => cookieOf(await ask('POST', '/login', { body: credentials }))
  const changed = 'a second secret of it'
  const first = await logIn()
  const cookie = await logIn()
  const [own] = (await storedSessions(app, id)).sort()
  const made = (await ask('POST', '/tokens', { cookie, body: { name: 'x' } })).json()
  await ask('DELETE', `/tokens/${made.id}`, { cookie })
  await ask('DELETE', `/sessions/${own}`, { cookie })
  await signIn(app, { id, ...credentials, passwordHash: '' })
  await ask('DELETE', '/sessions', { cookie })
  const { id: tokenId } = (await ask('POST', '/tokens', { cookie, body: { name: 'y' } })).json()
  await ask('PUT', `/user/update-password/${id}`, { cookie, body: { password: changed } })
  await ask('GET', '/logout', { cookie })
  await signIn(app, { id, ...credentials, passwordHash: '' })
  await ask('DELETE', `/user/${id}/sessions`, { cookie: byAdmin })
  await ask('PATCH', `/user/${id}`, { cookie: byAdmin, body: { role: 'admin' } })
  await ask('DELETE', `/user/${id}`, { cookie: byAdmin })

  const url = `/events?userId=${id}&limit=5`
  const items = (await readList<TestEvent>(t, app, url, byAdmin)).reverse()
  t.assert.deepStrictEqual(
    items.map(({ type, actorId, requestId }) => [type, actorId, requestId]),
    [
      ['user_created', null, 'request-1'],
      ['login', id, 'request-2'],
      ['login', id, 'request-3'],
      ['token_created', id, 'request-4'],
      ['token_ended', id, 'request-5'],
      ['session_ended', id, 'request-6'],
      ['session_ended', id, 'request-7'],
      ['token_created', id, 'request-8'],
      ['password_changed', id, 'request-9'],
      ['logout', id, 'request-10'],
      ['session_ended', admin.id, 'request-11'],
      ['user_updated', admin.id, 'request-12'],
      ['user_deleted', admin.id, 'request-13'],
    ],
  )
  for (const { address, outcome, count, userId } of items) {
    t.assert.deepStrictEqual([address, outcome, count, userId], ['192.0.2.7', 'success', 1, id])
  }
  const detailOf = (type: string) => items.filter((item) => item.type === type).map((e) => e.detail)
  t.assert.deepStrictEqual(detailOf('user_created'), [{ username: 'evented', role: 'user' }])
  t.assert.deepStrictEqual(detailOf('session_ended')[0], { sessionId: own })
  t.assert.strictEqual(detailOf('session_ended')[1]?.sessionsEnded, 1)
  t.assert.deepStrictEqual(detailOf('password_changed')[0]?.tokenIds, [tokenId])
  t.assert.deepStrictEqual(detailOf('user_updated'), [{ role: 'admin' }])
  t.assert.strictEqual(detailOf('user_deleted')[0]?.username, 'evented')

  const text = JSON.stringify(await app.db.select().from(events))
  for (const secret of [credentials.password, changed, made.token, first, cookie]) {
    keepSecret(secret)
    t.assert.ok(!text.includes(secret))
  }
})

test('an event about very many ended sessions has their number and the first ids', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  for (let made = 0; made < 30; made++) await signIn(app, account)
  const cookie = await signIn(app, await makeUser(app, 'admin'))
  const ended = await send(app, 'DELETE', `/user/${account.id}/sessions`, { cookie })
  t.assert.strictEqual(ended.statusCode, 200)
  const [event] = await eventsOf(app, cookie, account.id)
  t.assert.strictEqual(event.detail.sessionsEnded, 30)
  t.assert.strictEqual(event.detail.sessionIds.length, 20)
})

test('failed logins are counted in one event a minute for each account, and in one for all unknown usernames', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, await makeUser(app, 'admin'))
  const password = 'not the password'
  for (let tries = 0; tries < 5; tries++) {
    await send(app, 'POST', '/login', { body: { username: account.username, password } })
    await send(app, 'POST', '/login', { body: { username: `unknown-${tries}`, password } })
  }
  const url = '/events?type=login'
  const failures = (await send(app, 'GET', url, { cookie }))
    .json()
    .items.filter(({ outcome }: { outcome: string }) => outcome === 'failure')
  const total = (userId: number | null) =>
    failures
      .filter((event: { userId: number | null }) => event.userId === userId)
      .map(({ count }: { count: number }) => count)
  // The minute may change in between: then there are two rows.
  for (const userId of [account.id, null]) {
    t.assert.ok(total(userId).length <= 2)
    t.assert.strictEqual(
      total(userId).reduce((sum: number, count: number) => sum + count, 0),
      5,
    )
  }
})

test('a login with the cookie of a session ends that session and records it', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const admin = await signIn(app, await makeUser(app, 'admin'))
  const [before, after] = [await makeUser(app), await makeUser(app)]
  const cookie = await signIn(app, before)
  const { username, password } = after
  await send(app, 'POST', '/login', { cookie, body: { username, password } })
  const [event] = await eventsOf(app, admin, before.id)
  t.assert.deepStrictEqual([event.type, event.actorId], ['session_ended', before.id])
  t.assert.strictEqual(event.detail.replaced, true)
  t.assert.strictEqual(event.address, '127.0.0.1')
})

test('a refused change records no event, and a failed one leaves neither change nor event', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL: await createDatabase(), failing: true })
  const admin = await makeUser(app, 'admin')
  const cookie = await signIn(app, admin)
  const { id } = await makeUser(app)
  const before = await app.db.$count(events)
  const refused = [
    await send(app, 'DELETE', `/user/${admin.id}`, { cookie }),
    await send(app, 'PATCH', '/user/999999999', { cookie, body: { disabled: true } }),
    await send(app, 'DELETE', '/sessions/999999999', { cookie }),
    await send(app, 'DELETE', '/tokens/999999999', { cookie }),
  ]
  t.assert.deepStrictEqual(
    refused.map(({ statusCode }) => statusCode),
    [409, 404, 404, 404],
  )
  t.assert.strictEqual(await app.db.$count(events), before)

  // The next event cannot be inserted: a row has its id.
  const [{ lastId = 0 } = {}] = await app.db.select().from(eventCounter)
  await app.db.insert(events).values({ id: lastId + 1, type: 'login', outcome: 'success' })
  const body = { role: 'admin', disabled: true }
  t.assert.strictEqual((await send(app, 'PATCH', `/user/${id}`, { cookie, body })).statusCode, 500)
  t.assert.strictEqual((await storedUser(app, id))?.role, 'user')
  t.assert.strictEqual((await send(app, 'DELETE', `/user/${id}`, { cookie })).statusCode, 500)
  t.assert.ok(await storedUser(app, id))
})

test('concurrent events each reach a reader who follows the list exactly once', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookie = await signIn(app, await makeUser(app, 'admin'))
  const accounts = await Promise.all(Array.from({ length: 40 }, () => makeUser(app)))
  const seen: number[] = []
  let isWriting = true
  const reader = (async () => {
    let cursor = ''
    for (let isLast = false; !isLast; ) {
      isLast = !isWriting
      const url = `/events?order=oldest&limit=100${cursor && `&cursor=${cursor}`}`
      const page = (await send(app, 'GET', url, { cookie })).json()
      seen.push(...page.items.map(({ id }: { id: number }) => id))
      cursor = page.nextCursor
      if (page.items.length === 100) isLast = false
    }
  })()
  await Promise.all(
    accounts.map(({ username, password }) =>
      send(app, 'POST', '/login', { body: { username, password } }),
    ),
  )
  isWriting = false
  await reader
  const rows = await readList<{ id: number }>(t, app, '/events?limit=100', cookie)
  t.assert.deepStrictEqual(
    seen.toReversed(),
    rows.map(({ id }) => id),
  )
})

test('a reader who follows events of a type without entries continues from the first cursor', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL: await createDatabase() })
  const cookie = await signIn(app, await makeUser(app, 'admin'))
  const url = '/events?order=oldest&type=token_created'
  const { items, nextCursor } = (await send(app, 'GET', url, { cookie })).json()
  t.assert.deepStrictEqual(items, [])
  await send(app, 'POST', '/tokens', { cookie, body: { name: 'x' } })
  const next = (await send(app, 'GET', `${url}&cursor=${nextCursor}`, { cookie })).json()
  t.assert.strictEqual(next.items.length, 1)
  t.assert.notStrictEqual(next.nextCursor, nextCursor)
})

test('a request returns a 503 and changes nothing while another transaction holds the lock of events or of the account', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, DATABASE_TIMEOUT_MS: 1_000 })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const other = open(t, DATABASE_URL)
  for (const statement of [
    sql`SELECT * FROM event_counter FOR UPDATE`,
    sql`SELECT * FROM users WHERE id = ${account.id} FOR UPDATE`,
  ]) {
    await transaction(other, async (tx) => {
      await tx.execute(statement)
      assertError(t, await send(app, 'POST', '/logout', { cookie }), 503, 'SERVICE_UNAVAILABLE')
      t.assert.strictEqual((await send(app, 'GET', '/me', { cookie })).statusCode, 200)
    })
  }
  t.assert.strictEqual((await send(app, 'POST', '/logout', { cookie })).statusCode, 200)
})
