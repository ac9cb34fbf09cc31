import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { eq } from 'drizzle-orm'
import { users } from '../../db/schema.ts'
import { createDatabase } from '../support/database/database.ts'
import {
  type Account,
  giveToken,
  makeUser,
  signIn,
  storedSessions,
  storedTokens,
  storedUser,
} from '../support/http/accounts.ts'
import { type App, type BuildOptions, send } from '../support/http/build.ts'
import { assertError } from '../support/http/error-answer.ts'
import { buildWithRoutes, type Route } from '../support/http/route-table.ts'
import {
  ACTORS,
  type Actor,
  ADMIN,
  CHANGES,
  MATRIX,
  type Outcome,
  STATUS,
} from './access-matrix/rows.ts'

const DATABASE_URL = await createDatabase()

test('every route returns the status in its row for every role, on own and other accounts', async (t: TestContext) => {
  await checkMatrix(t, { DATABASE_URL }, MATRIX)
})

test('registration for admins only returns the status in its row, with no other routes than usual', async (t: TestContext) => {
  const options = { DATABASE_URL, REGISTRATION: 'admin' } as const
  await checkMatrix(t, options, { ...MATRIX, 'POST /user': ADMIN }, ['POST /user'])
})

async function checkMatrix(
  t: TestContext,
  options: BuildOptions,
  matrix: typeof MATRIX,
  asked = Object.keys(matrix),
) {
  const { app, routes } = await buildWithRoutes(t, options)
  const rows = routes.filter(({ method }) => method !== 'HEAD')
  const names = rows.map(({ method, url }) => `${method} ${url}`)
  t.assert.deepStrictEqual(names.sort(), Object.keys(matrix).sort(), 'one row for each route')
  const heads = new Set(routes.flatMap(({ method, url }) => (method === 'HEAD' ? [url] : [])))
  for (const route of rows) {
    const name = `${route.method} ${route.url}`
    if (!asked.includes(name)) continue
    for (const actor of ACTORS) {
      const expected = matrix[name]?.[actor]
      await t.test(`${name} by ${actor} returns ${expected}`, async (cell: TestContext) => {
        const hasHead = route.method === 'GET' && heads.has(route.url)
        await checkCell(cell, app, route, actor, expected, hasHead)
      })
    }
  }
}

async function checkCell(
  t: TestContext,
  app: App,
  { method, url }: Route,
  actor: Actor,
  expected: Outcome | undefined,
  hasHead: boolean,
) {
  const { headers, target } = await stage(app, actor)
  const before = await stored(app, target)

  const name = `${method} ${url}`
  const path = await pathTo(app, url, target)
  const status = Object.entries(STATUS).find(([code]) => code === expected)?.[1]
  if (hasHead) {
    t.assert.strictEqual((await send(app, 'HEAD', path, { headers })).statusCode, status)
  }
  // The cast: every method of the table is one that `inject` accepts.
  const answer = await send(app, method as 'GET', path, { headers, ...bodyFor(name, target) })

  t.assert.strictEqual(answer.statusCode, status, answer.body)
  if (expected !== undefined && expected !== 'ok') {
    assertError(t, answer, answer.statusCode, expected)
  }
  const isChange = CHANGES.has(name)
  const after = await stored(app, target)
  if (expected !== 'ok') t.assert.deepStrictEqual(after, before)
  else if (isChange) t.assert.notDeepStrictEqual(after.row, before.row)
  else t.assert.deepStrictEqual(withoutTimes(after.row), withoutTimes(before.row))
}

/** An operation on sessions changes no more of the account than when its sessions ended. */
function withoutTimes(row: Awaited<ReturnType<typeof storedUser>>) {
  return row && { ...row, sessionsEndedAt: undefined }
}

async function stored(app: App, { id }: Account) {
  return {
    row: await storedUser(app, id),
    sessions: await storedSessions(app, id),
    tokens: await storedTokens(app, id),
  }
}

/** Creates the actor, and the target account with a session and a token of its own. */
async function stage(app: App, actor: Actor) {
  const account = await makeUser(app, actor.includes('an admin') ? 'admin' : 'user')
  const target = actor.endsWith('another account') ? await makeUser(app) : account
  const cookie = await signIn(app, account)
  const isLimited = actor.endsWith('a scope of another service')
  const token = await giveToken(app, account, isLimited ? { scopes: ['orders:read'] } : {})
  await signIn(app, target)
  await giveToken(app, target)
  return { headers: await credentialOf(app, actor, account, cookie, token.headers), target }
}

async function credentialOf(
  app: App,
  actor: Actor,
  { id }: Account,
  cookie: string,
  token: { authorization: string },
): Promise<Record<string, string>> {
  switch (actor) {
    case 'nobody':
      return {}
    case 'a disabled user on their own account':
      await app.db.update(users).set({ disabled: true }).where(eq(users.id, id))
      return { cookie }
    case 'an ended session on its own account':
      await send(app, 'POST', '/logout', { cookie })
      return { cookie }
    case 'an ended token on its own account':
      await send(app, 'POST', '/logout', { headers: token })
      return token
    // A valid id with the signature of another key.
    case 'a forged cookie on its own account':
      return { cookie: cookie.replace(/[^.]*$/, 'A'.repeat(43)) }
    default:
      return actor.startsWith('a token') ? token : { cookie }
  }
}

/** The path of the account, or of one of its sessions or tokens. */
async function pathTo(app: App, url: string, { id }: Account): Promise<string> {
  if (!url.includes(':id')) return url
  const ids = url.startsWith('/sessions')
    ? await storedSessions(app, id)
    : url.startsWith('/tokens')
      ? await storedTokens(app, id)
      : [id]
  const [tokenId] = await storedTokens(app, id)
  return url.replace(':id', String(ids.at(-1))).replace(':tokenId', String(tokenId))
}

/** A body that the route accepts, so that only the actor decides. */
function bodyFor(name: string, { username, password }: Account): { body?: unknown } {
  switch (name) {
    case 'POST /login':
      return { body: { username, password } }
    case 'POST /user':
      return { body: { username: `n-${randomUUID()}`, password } }
    case 'PUT /user/update-password/:id':
      return { body: { password: `other ${password}` } }
    case 'PATCH /user/:id':
      return { body: { role: 'admin', disabled: true } }
    case 'POST /tokens':
    case 'POST /users/:id/tokens':
      return { body: { name: 'asked for' } }
    case 'POST /users':
      return { body: { kind: 'service', username: `s-${randomUUID()}` } }
    default:
      return {}
  }
}
