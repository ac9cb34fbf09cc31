import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { eq } from 'drizzle-orm'
import { users } from '../../db/schema.ts'
import type { ErrorCode } from '../../plugins/errors.ts'
import { type Account, makeUser, signIn, storedSessions, storedUser } from '../support/accounts.ts'
import { type App, type BuildOptions, send } from '../support/build.ts'
import { createDatabase } from '../support/database.ts'
import { assertError } from '../support/error-answer.ts'
import { buildWithRoutes, type Route } from '../support/route-table.ts'

const DATABASE_URL = await createDatabase()

type Outcome = 'ok' | ErrorCode

const STATUS = {
  ok: 200,
  UNAUTHENTICATED: 401,
  NOT_PERMITTED: 401,
  OWN_ACCOUNT: 409,
  INVALID_CREDENTIALS: 400,
}

const ACTORS = [
  'nobody',
  'a user on their own account',
  'a user on another account',
  'an admin on their own account',
  'an admin on another account',
  'a disabled user on their own account',
  'an ended session on its own account',
  'a forged cookie on its own account',
] as const
type Actor = (typeof ACTORS)[number]

const ANYONE = row('ok', 'ok', 'ok', 'ok', 'ok')
const SESSION = row('UNAUTHENTICATED', 'ok', 'ok', 'ok', 'ok')
const ADMIN = row('UNAUTHENTICATED', 'NOT_PERMITTED', 'NOT_PERMITTED', 'ok', 'ok')

/** What each route answers to whom. A route that has no row fails, and a row without a route. */
const MATRIX: Record<string, Record<Actor, Outcome>> = {
  'GET /livez': ANYONE,
  'HEAD /livez': ANYONE,
  'GET /readyz': ANYONE,
  'HEAD /readyz': ANYONE,
  'POST /login': { ...ANYONE, 'a disabled user on their own account': 'INVALID_CREDENTIALS' },
  'POST /user': ANYONE,
  'GET /logout': SESSION,
  'POST /logout': SESSION,
  'GET /me': SESSION,
  'HEAD /me': SESSION,
  'GET /user/:id': SESSION,
  'HEAD /user/:id': SESSION,
  'PUT /user/update-password/:id': row('UNAUTHENTICATED', 'ok', 'NOT_PERMITTED', 'ok', 'ok'),
  'DELETE /user/:id': row('UNAUTHENTICATED', 'NOT_PERMITTED', 'NOT_PERMITTED', 'OWN_ACCOUNT', 'ok'),
}

/** The routes that change or remove the account that they name. */
const CHANGES = new Set(['PUT /user/update-password/:id', 'DELETE /user/:id'])

/** Whoever has no live session is nobody. */
function row(
  nobody: Outcome,
  userOwn: Outcome,
  userOther: Outcome,
  adminOwn: Outcome,
  adminOther: Outcome,
): Record<Actor, Outcome> {
  return {
    nobody,
    'a user on their own account': userOwn,
    'a user on another account': userOther,
    'an admin on their own account': adminOwn,
    'an admin on another account': adminOther,
    'a disabled user on their own account': nobody,
    'an ended session on its own account': nobody,
    'a forged cookie on its own account': nobody,
  }
}

test('line 10: every route, asked by every role on own and other accounts, answers its row', async (t: TestContext) => {
  await checkMatrix(t, { DATABASE_URL }, MATRIX)
})

test('line 10: registration, where it is for admins only, answers its row, and no route is more or less', async (t: TestContext) => {
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
  const names = routes.map(({ method, url }) => `${method} ${url}`)
  t.assert.deepStrictEqual(names.sort(), Object.keys(matrix).sort(), 'one row for each route')
  for (const route of routes) {
    const name = `${route.method} ${route.url}`
    if (!asked.includes(name)) continue
    for (const actor of ACTORS) {
      const expected = matrix[name]?.[actor]
      await t.test(`${name}, asked by ${actor}, answers ${expected}`, async (cell: TestContext) => {
        await checkCell(cell, app, route, actor, expected)
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
) {
  const { cookie, target } = await stage(app, actor)
  const row = await storedUser(app, target.id)
  const sessions = await storedSessions(app, target.id)

  const path = url.replace(':id', String(target.id))
  // The cast: a method of the table is one that `inject` takes.
  const answer = await send(app, method as 'GET', path, {
    ...(cookie !== undefined && { cookie }),
    ...bodyFor(`${method} ${url}`, target),
  })

  const status = Object.entries(STATUS).find(([name]) => name === expected)?.[1]
  t.assert.strictEqual(answer.statusCode, status, answer.body)
  if (expected !== undefined && expected !== 'ok' && method !== 'HEAD') {
    assertError(t, answer, answer.statusCode, expected)
  }
  const isChanged = expected === 'ok' && CHANGES.has(`${method} ${url}`)
  const after = await storedUser(app, target.id)
  if (isChanged) t.assert.notDeepStrictEqual(after, row)
  else t.assert.deepStrictEqual(after, row)
  if (expected !== 'ok') t.assert.deepStrictEqual(await storedSessions(app, target.id), sessions)
}

/** Makes the actor and the account to act upon, which has a session of its own. */
async function stage(app: App, actor: Actor): Promise<{ cookie?: string; target: Account }> {
  const account = await makeUser(app, actor.startsWith('an admin') ? 'admin' : 'user')
  const target = actor.endsWith('another account') ? await makeUser(app) : account
  const cookie = await signIn(app, account)
  await signIn(app, target)
  if (actor === 'nobody') return { target }
  if (actor === 'a disabled user on their own account') {
    await app.db.update(users).set({ disabled: true }).where(eq(users.id, account.id))
  }
  if (actor === 'an ended session on its own account') {
    await send(app, 'POST', '/logout', { cookie })
  }
  // The right id under the signature of another key.
  if (actor === 'a forged cookie on its own account') {
    return { cookie: cookie.replace(/[^.]*$/, 'A'.repeat(43)), target }
  }
  return { cookie, target }
}

/** A body that the route takes, so that nothing but the actor decides. */
function bodyFor(name: string, { username, password }: Account): { body?: unknown } {
  switch (name) {
    case 'POST /login':
      return { body: { username, password } }
    case 'POST /user':
      return { body: { username: `n-${randomUUID()}`, password } }
    case 'PUT /user/update-password/:id':
      return { body: { password: `other ${password}` } }
    default:
      return {}
  }
}
