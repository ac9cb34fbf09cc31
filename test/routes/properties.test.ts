import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { makeUser, signIn, storedUser } from '../support/accounts.ts'
import { jsonBodies, passwords, pathSegments, texts, usernames } from '../support/arbitraries.ts'
import { build, send } from '../support/build.ts'
import { createDatabase } from '../support/database.ts'
import { assertError } from '../support/error-answer.ts'
import { exchange, listen } from '../support/raw-http.ts'
import { buildWithRoutes, type Route } from '../support/route-table.ts'
import { toBytes, wireRequests } from '../support/wire-requests.ts'

const DATABASE_URL = await createDatabase()

/** What any request may be answered, whether it comes to a route or not. */
const STATUSES = new Set([200, 400, 401, 403, 404, 405, 409, 413, 415, 431])

/** What is answered before a request comes to its route. */
const MALFORMED = 400

test('any JSON on any route by anyone is answered by a status that the route declares', async (t: TestContext) => {
  const { app, routes } = await buildWithRoutes(t, { DATABASE_URL })
  const request = fc.record({
    route: fc.constantFrom(...routes),
    segment: pathSegments,
    isOwn: fc.boolean(),
    role: fc.constantFrom(undefined, 'user', 'admin'),
    payload: jsonBodies,
  })
  await fc.assert(
    fc.asyncProperty(request, async ({ route, segment, isOwn, role, payload }) => {
      const account = await makeUser(app, role)
      const cookie = role && (await signIn(app, account))
      const answer = await app.inject({
        method: route.method as 'GET', // one of the table's
        url: route.url.replace(':id', isOwn ? String(account.id) : segment),
        headers: { 'content-type': 'application/json', ...(cookie && { cookie }) },
        ...(route.takesBody && { payload }),
      })
      t.assert.ok(isDeclared(route, answer.statusCode), `${answer.statusCode} is not declared`)
      if (answer.statusCode !== 200 && route.method !== 'HEAD') {
        assertError(t, answer, answer.statusCode)
      }
    }),
    { numRuns: 150 },
  )
})

test('any bytes of any content type on a route that takes a body are answered by a declared status', async (t: TestContext) => {
  const { app, routes } = await buildWithRoutes(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const request = fc.record({
    route: fc.constantFrom(...routes.filter(({ takesBody }) => takesBody)),
    payload: fc
      .oneof(fc.uint8Array({ maxLength: 200 }), jsonBodies.map(Buffer.from))
      .map((bytes) => Buffer.from(bytes)),
    type: fc.oneof(
      { weight: 3, arbitrary: fc.constant('application/json') },
      fc.constantFrom('text/plain', 'application/json; charset=utf-16', 'multipart/form-data'),
      fc.string(),
    ),
  })
  await fc.assert(
    fc.asyncProperty(request, async ({ route, payload, type }) => {
      const answer = await app.inject({
        method: route.method as 'POST', // one of the table's
        url: route.url.replace(':id', String(account.id)),
        headers: { 'content-type': type, cookie },
        payload,
      })
      t.assert.ok(isDeclared(route, answer.statusCode), `${answer.statusCode} is not declared`)
      if (answer.statusCode !== 200) assertError(t, answer, answer.statusCode)
    }),
    { numRuns: 200 },
  )
})

test('any method, target, headers and body on the wire are answered, without a 500 or a reset', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const port = await listen(app)
  await fc.assert(
    fc.asyncProperty(wireRequests, async (request) => {
      const cookie = request.role && (await signIn(app, await makeUser(app, request.role)))
      const answer = await exchange(port, toBytes(request, cookie))
      t.assert.ok(STATUSES.has(answer.statusCode), `${answer.statusCode} is none of ours`)
      t.assert.match(String(answer.headers['x-request-id']), /^[A-Za-z0-9._:-]{1,64}$/)
      t.assert.strictEqual(answer.headers['cache-control'], 'no-store')
      const [type = ''] = answer.headers['content-type']?.split(';') ?? []
      t.assert.ok(['application/json', 'application/problem+json'].includes(type))
    }),
    { numRuns: 150 },
  )
})

test('any acceptable name and password, registered, log in in any case, and no other password does', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  await fc.assert(
    fc.asyncProperty(usernames, passwords, passwords, async (wanted, password, other) => {
      const username = `${randomUUID().slice(0, 18)}${wanted}`.slice(0, 80)
      fc.pre(other !== password)
      const made = await send(app, 'POST', '/user', { body: { username, password } })
      t.assert.strictEqual(made.statusCode, 200, made.body)
      const { user } = made.json()
      t.assert.strictEqual((await storedUser(app, user.id))?.username, username)

      const login = { username: username.toUpperCase(), password }
      const right = await send(app, 'POST', '/login', { body: login })
      t.assert.deepStrictEqual(right.json().user, user)
      const wrong = await send(app, 'POST', '/login', { body: { username, password: other } })
      assertError(t, wrong, 400, 'INVALID_CREDENTIALS')
      const again = await send(app, 'POST', '/user', { body: login })
      assertError(t, again, 400, 'USERNAME_TAKEN', ['body.username'])
    }),
    { numRuns: 50 },
  )
})

test('any text in place of an id is 400, but for a decimal from 1 to 2^53-1', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const isId = (text: string) =>
    /^[1-9][0-9]*$/.test(text) && BigInt(text) <= BigInt(Number.MAX_SAFE_INTEGER)
  const ids = fc.oneof(
    fc.bigInt({ min: 0n, max: 2n ** 54n }).map(String),
    fc.bigInt({ min: 2n ** 53n - 20n, max: 2n ** 53n + 20n }).map(String),
    fc.stringMatching(/^[-+ ]?0{0,2}[0-9]{1,17}(\.0|e1)?$/),
    texts.filter((text) => text.isWellFormed() && !/^\.{0,2}$/.test(text)),
  )
  await fc.assert(
    fc.asyncProperty(ids, async (id) => {
      const answer = await send(app, 'GET', `/user/${encodeURIComponent(id)}`, { cookie })
      if (!isId(id)) assertError(t, answer, 400, 'VALIDATION_FAILED', ['params.id'])
      else if (Number(id) !== account.id) t.assert.ok([200, 404].includes(answer.statusCode))
      if (answer.statusCode === 200) t.assert.strictEqual(String(answer.json().id), id)
    }),
    { numRuns: 150 },
  )
})

function isDeclared({ statuses }: Route, status: number): boolean {
  return status !== 500 && (statuses.has(status) || status === MALFORMED)
}
