import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { passwords, usernames } from '../support/arbitraries.ts'
import { createDatabase } from '../support/database/database.ts'
import { makeUser, signIn, storedUser } from '../support/http/accounts.ts'
import { build, send } from '../support/http/build.ts'
import { assertError } from '../support/http/error-answer.ts'
import { exchange, listen } from '../support/http/raw-http.ts'
import { toBytes, wireRequests } from '../support/http/wire-requests.ts'

const DATABASE_URL = await createDatabase()

/** The expected statuses, whether the request reaches a route or not. */
const STATUSES = new Set([200, 400, 401, 403, 404, 405, 409, 413, 415, 431])

test('any request on the wire gets an expected status, and neither a 500 nor a connection reset', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const port = await listen(app)
  await fc.assert(
    fc.asyncProperty(wireRequests, async (request) => {
      const cookie = request.role && (await signIn(app, await makeUser(app, request.role)))
      const answer = await exchange(port, toBytes(request, cookie))
      t.assert.ok(STATUSES.has(answer.statusCode), `${answer.statusCode} is not expected`)
      t.assert.match(String(answer.headers['x-request-id']), /^[A-Za-z0-9._:-]{1,64}$/)
      t.assert.strictEqual(answer.headers['cache-control'], 'no-store')
      const [type = ''] = answer.headers['content-type']?.split(';') ?? []
      t.assert.ok(['application/json', 'application/problem+json'].includes(type))
    }),
    { numRuns: 150 },
  )
})

test('any valid username and password can register and log in, the username in any case, and no other password can', async (t: TestContext) => {
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
    { numRuns: 30 },
  )
})
