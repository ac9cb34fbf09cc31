import { type TestContext, test } from 'node:test'
import { eq } from 'drizzle-orm'
import { sessions, users } from '../../../db/schema.ts'
import { createDatabase } from '../../support/database/database.ts'
import { makeUser, signIn, storedUser } from '../../support/http/accounts.ts'
import { type App, build, send } from '../../support/http/build.ts'
import { readList } from '../../support/http/read-list.ts'

const DATABASE_URL = await createDatabase()

async function named(app: App, username: string) {
  const password = 'a secret of the test'
  const answer = await send(app, 'POST', '/user', { body: { username, password } })
  return answer.json().user as { id: number }
}

test('users are listed by username, page by page, each once', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookie = await signIn(app, await makeUser(app, 'admin'))
  for (const name of ['page-b', 'Page-A', 'page-c']) await named(app, name)
  const url = '/users?prefix=PAGE-&limit=1'
  const seen = await readList<{ username: string }>(t, app, url, cookie)
  t.assert.deepStrictEqual(
    seen.map(({ username }) => username),
    ['Page-A', 'page-b', 'page-c'],
  )
})

test('users are filtered by role, state and prefix, in which % and _ have no special meaning', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const admin = await makeUser(app, 'admin')
  const cookie = await signIn(app, admin)
  await named(app, 'f_lter')
  const { id } = await named(app, 'filter')
  await app.db.update(users).set({ disabled: true }).where(eq(users.id, id))
  const namesOf = async (query: string) => {
    const { items } = (await send(app, 'GET', `/users?${query}`, { cookie })).json()
    return items.map(({ username }: { username: string }) => username)
  }
  t.assert.deepStrictEqual(await namesOf('prefix=f_'), ['f_lter'])
  t.assert.deepStrictEqual(await namesOf('prefix=f%25'), [])
  t.assert.deepStrictEqual(await namesOf('prefix=fi&disabled=true'), ['filter'])
  t.assert.deepStrictEqual(await namesOf('prefix=fi&disabled=false'), [])
  t.assert.ok((await namesOf('role=admin')).includes(admin.username))
  t.assert.deepStrictEqual(await namesOf('prefix=f&role=admin'), [])
})

test('a list with an invalid parameter returns a 400 that names it', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookie = await signIn(app, await makeUser(app, 'admin'))
  for (const [query, name] of [
    ['limit=0', 'limit'],
    ['limit=101', 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['role=root', 'role'],
    ['disabled=1', 'disabled'],
    ['cursor=AAAA', 'cursor'],
    ['sort=id', 'sort'],
    ['prefix=', 'prefix'],
  ]) {
    const response = await send(app, 'GET', `/users?${query}`, { cookie })
    t.assert.strictEqual(response.statusCode, 400, query)
    t.assert.strictEqual(response.json().errors[0].path, `querystring.${name}`)
  }
})

test('a demoted admin is a user on the next request', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app, 'admin')
  const theirs = await signIn(app, account)
  const cookie = await signIn(app, await makeUser(app, 'admin'))
  const url = `/user/${account.id}`
  const response = await send(app, 'PATCH', url, { cookie, body: { role: 'user' } })
  t.assert.strictEqual(response.json().role, 'user')
  t.assert.strictEqual((await send(app, 'GET', '/users', { cookie: theirs })).statusCode, 401)
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie: theirs })).json().role, 'user')
})

test('a disabled user is refused on the next request, and enabling restores no session', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const theirs = await signIn(app, account)
  const cookie = await signIn(app, await makeUser(app, 'admin'))
  const patch = (body: object) => send(app, 'PATCH', `/user/${account.id}`, { cookie, body })
  t.assert.strictEqual((await patch({ disabled: true })).json().disabled, true)
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie: theirs })).statusCode, 401)
  await patch({ disabled: false })
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie: theirs })).statusCode, 401)
  const { username, password } = account
  const login = await send(app, 'POST', '/login', { body: { username, password } })
  t.assert.strictEqual(login.statusCode, 200)
  const rows = await app.db.select().from(sessions).where(eq(sessions.userId, account.id))
  t.assert.strictEqual(rows.length, 1)
})

test('a patch of the own account, of an unknown one, without changes or with unknown ones is refused and changes nothing', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const admin = await makeUser(app, 'admin')
  const other = await makeUser(app)
  const cookie = await signIn(app, admin)
  const refused: [number, object, number][] = [
    [admin.id, { role: 'user' }, 409],
    [999_999_999, { role: 'user' }, 404],
    [other.id, {}, 400],
    [other.id, { role: 'root' }, 400],
    [other.id, { disabled: 'true' }, 400],
    [other.id, { role: 'admin', username: 'x' }, 400],
    [other.id, { passwordHash: 'x' }, 400],
  ]
  for (const [id, body, status] of refused) {
    const response = await send(app, 'PATCH', `/user/${id}`, { cookie, body })
    t.assert.strictEqual(response.statusCode, status, JSON.stringify(body))
  }
  const [row] = await app.db.select().from(users).where(eq(users.id, other.id))
  t.assert.deepStrictEqual([row?.role, row?.disabled], ['user', false])
})

test('two admins who concurrently demote, disable or delete each other leave one admin', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const demote = { method: 'PATCH', body: { role: 'user' } } as const
  const disable = { method: 'PATCH', body: { disabled: true } } as const
  const remove = { method: 'DELETE' } as const
  const pairs = [demote, disable, remove].flatMap((one, index, all) =>
    all.slice(index).map((other) => [one, other] as const),
  )
  for (const [one, other] of [...pairs, ...pairs]) {
    const [a, b] = [await makeUser(app, 'admin'), await makeUser(app, 'admin')]
    const [byA, byB] = [await signIn(app, a), await signIn(app, b)]
    const answers = await Promise.all([
      send(app, one.method, `/user/${b.id}`, { cookie: byA, ...one }),
      send(app, other.method, `/user/${a.id}`, { cookie: byB, ...other }),
    ])
    t.assert.deepStrictEqual(answers.map(({ statusCode }) => statusCode).sort(), [200, 401])
    const rows = [await storedUser(app, a.id), await storedUser(app, b.id)]
    const admins = rows.filter((row) => row?.role === 'admin' && !row.disabled)
    t.assert.strictEqual(admins.length, 1)
  }
})
