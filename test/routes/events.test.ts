import { type TestContext, test } from 'node:test'
import { sql } from 'drizzle-orm'
import { events } from '../../db/schema.ts'
import { cookieOf, makeUser, signIn, storedUser } from '../support/accounts.ts'
import { type App, build, send } from '../support/build.ts'
import { createDatabase } from '../support/database.ts'
import { readList } from '../support/read-list.ts'

const DATABASE_URL = await createDatabase()

async function eventsOf(app: App, cookie: string, userId: number) {
  return (await send(app, 'GET', `/events?userId=${userId}`, { cookie })).json().items
}

test('every change leaves an event that says who, on whom, from where and in which request', async (t: TestContext) => {
  const { app, keepSecret } = await build(t, { DATABASE_URL })
  const admin = await makeUser(app, 'admin')
  const cookie = await signIn(app, admin)
  const credentials = { username: 'evented', password: 'a secret of the events' }
  const created = await send(app, 'POST', '/user', { body: credentials })
  const { id } = created.json().user
  const theirs = cookieOf(await send(app, 'POST', '/login', { body: credentials }))
  const made = await send(app, 'POST', '/tokens', { cookie: theirs, body: { name: 'x' } })
  await send(app, 'DELETE', `/tokens/${made.json().id}`, { cookie: theirs })
  const body = { password: 'a second secret of it' }
  await send(app, 'PUT', `/user/update-password/${id}`, { cookie: theirs, body })
  await send(app, 'GET', '/logout', { cookie: theirs })
  await send(app, 'PATCH', `/user/${id}`, { cookie, body: { role: 'admin' } })
  const headers = { 'x-request-id': 'the-deletion' }
  await send(app, 'DELETE', `/user/${id}`, { cookie, headers })

  const items = await eventsOf(app, cookie, id)
  t.assert.deepStrictEqual(
    items.map(({ type, actorId }: { type: string; actorId: number | null }) => [type, actorId]),
    [
      ['user_deleted', admin.id],
      ['user_updated', admin.id],
      ['logout', id],
      ['password_changed', id],
      ['token_ended', id],
      ['token_created', id],
      ['login', id],
      ['user_created', null],
    ],
  )
  t.assert.strictEqual(items[0].requestId, 'the-deletion')
  t.assert.strictEqual(items[0].address, '127.0.0.1')
  t.assert.deepStrictEqual(items[1].detail, { role: 'admin' })
  const text = JSON.stringify(items)
  for (const secret of [credentials.password, body.password, made.json().token]) {
    keepSecret(secret)
    t.assert.ok(!text.includes(secret))
  }
})

test('failed logins of an account, and those of all unknown names, are counted in a row a minute', async (t: TestContext) => {
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

test('a login with the cookie of another session ends that one, and says so', async (t: TestContext) => {
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

test('a change that is refused leaves no event, and one that fails leaves neither', async (t: TestContext) => {
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

  await app.db.execute(sql`CREATE TRIGGER refuse BEFORE INSERT ON events FOR EACH ROW
    SET NEW.type = REPEAT('x', 100)`)
  const body = { role: 'admin', disabled: true }
  t.assert.strictEqual((await send(app, 'PATCH', `/user/${id}`, { cookie, body })).statusCode, 500)
  t.assert.strictEqual((await storedUser(app, id))?.role, 'user')
  t.assert.strictEqual((await send(app, 'DELETE', `/user/${id}`, { cookie })).statusCode, 500)
  t.assert.ok(await storedUser(app, id))
})

test('events, written by many at once, are all seen once by a reader who follows them', async (t: TestContext) => {
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
