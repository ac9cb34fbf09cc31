import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { UNVERIFIED_LIMITS } from '../../../db/lookups/limits.ts'
import { createDatabase } from '../../support/database/database.ts'
import { createDatabaseLink } from '../../support/database/database-link.ts'
import { statementsDuring } from '../../support/database/statements.ts'
import { giveOldToken, makeUser, signIn } from '../../support/http/accounts.ts'
import { type App, build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'
import { buildWithRoutes } from '../../support/http/route-table.ts'
import { until } from '../../support/until.ts'

const DATABASE_URL = await createDatabase()

function forged(): Record<string, string> {
  return { authorization: `Bearer gh_${randomBytes(32).toString('base64url')}` }
}

test('a request without a well-formed credential runs no query, on any guarded route', async (t: TestContext) => {
  const { app, routes } = await buildWithRoutes(t, { DATABASE_URL })
  const account = await makeUser(app)
  const known = { cookie: await signIn(app, account) }
  const { name } = app.sessionCookie
  const malformed: Record<string, string>[] = [
    {},
    { cookie: `${name}=forged` },
    { cookie: `${name}=${randomBytes(24).toString('base64url')}.${'A'.repeat(43)}` },
    { authorization: 'Bearer ' },
    { authorization: `Bearer gh_${'_'.repeat(43)}` },
    { authorization: `Bearer ${randomBytes(32).toString('base64url')}` },
  ]
  const guarded = routes.filter(({ url, statuses }) => statuses.has(401) && url !== '/user')
  t.assert.ok(guarded.length > 15)
  for (const { method, url } of guarded) {
    const path = url.replace(':id', String(account.id))
    const { result, statements } = await statementsDuring(async () => {
      const answers = await Promise.all(
        malformed.map((headers) => request(app, method, path, headers)),
      )
      await request(app, 'GET', '/me', known) // it shares the query that the others would have caused
      return answers
    })
    for (const { statusCode } of result) t.assert.strictEqual(statusCode, 401, `${method} ${url}`)
    const [own = '', ...others] = lookupsIn(statements)
    t.assert.match(own, /'session'/)
    t.assert.doesNotMatch(own, /UNION|wanted/, `${method} ${url}`)
    t.assert.deepStrictEqual(others, [], `${method} ${url}`)
  }
})

test('a forged token is looked up, but not the account in the path', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { id } = await makeUser(app)
  const { result, statements } = await statementsDuring(() =>
    send(app, 'GET', `/user/${id}`, { headers: forged() }),
  )
  assertError(t, result, 401, 'UNAUTHENTICATED')
  const lookups = lookupsIn(statements)
  t.assert.strictEqual(lookups.length, 1, lookups.join('\n'))
  t.assert.match(lookups[0] ?? '', /'token'/)
  t.assert.doesNotMatch(lookups[0] ?? '', /UNION|wanted/)
})

test('a token of an earlier version is accepted, and later found together with the account in the path', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const [account, other] = [await makeUser(app), await makeUser(app)]
  const { headers } = await giveOldToken(app, account)
  const read = () => send(app, 'GET', `/user/${other.id}`, { headers })
  const first = await statementsDuring(read)
  t.assert.strictEqual(first.result.json().username, other.username)

  const known = await statementsDuring(read)
  t.assert.strictEqual(known.result.statusCode, 200)
  t.assert.strictEqual(lookupsIn(known.statements).length, 1, known.statements.join('\n'))
})

test('a token of an earlier version is refused once it has ended, also after it was known', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const { id, headers } = await giveOldToken(app, account)
  t.assert.strictEqual((await send(app, 'GET', '/me', { headers })).statusCode, 200)
  const cookie = await signIn(app, account)
  t.assert.strictEqual((await send(app, 'DELETE', `/tokens/${id}`, { cookie })).statusCode, 200)
  assertError(t, await send(app, 'GET', '/me', { headers }), 401, 'UNAUTHENTICATED')
})

test('forged tokens whose lookups get no answer take no place of a session, and the excess is refused', async (t: TestContext) => {
  const link = await createDatabaseLink(DATABASE_URL)
  t.after(() => link.cut())
  const { app } = await build(t, {
    ...{ DATABASE_URL: link.url, DATABASE_TIMEOUT_MS: 30_000, failing: true },
  })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const read = () => send(app, 'GET', `/user/${account.id}`, { cookie })
  t.assert.strictEqual((await read()).statusCode, 200)

  link.muteAfter('`tokens`') // of lookups, only those of tokens name the table
  const { maxSize, maxWaiting } = UNVERIFIED_LIMITS
  const inQueue = maxSize + maxWaiting
  const excess = 300
  const statuses: number[] = []
  const flood = Array.from({ length: inQueue + excess }, async () => {
    const answer = await send(app, 'GET', `/user/${account.id}`, { headers: forged() })
    statuses.push(answer.statusCode)
  })
  await until(
    () => statuses.length >= excess,
    () => `${statuses.length} refused`,
  )
  for (let round = 0; round < 20; round++) t.assert.strictEqual((await read()).statusCode, 200)
  // The first batch may start before the others arrive, or after.
  t.assert.ok(statuses.length <= excess + maxSize, `${statuses.length} refused`)
  t.assert.deepStrictEqual(new Set(statuses), new Set([503]))
  link.resume()
  await Promise.all(flood)
  for (const status of statuses) t.assert.ok(status === 401 || status === 503, String(status))
})

/** Without the settings of a new connection, and what is written in the background. */
function lookupsIn(statements: string[]): string[] {
  return statements.filter((text) => text.startsWith('SELECT'))
}

/** The methods of the route table are more than `inject` types. */
function request(app: App, method: string, url: string, headers: Record<string, string>) {
  return send(app, method as Parameters<typeof send>[1], url, { headers })
}
