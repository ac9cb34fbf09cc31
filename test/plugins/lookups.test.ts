import { performance } from 'node:perf_hooks'
import { type TestContext, test } from 'node:test'
import { createDatabase } from '../support/database/database.ts'
import { createDatabaseLink } from '../support/database/database-link.ts'
import { statementsDuring } from '../support/database/statements.ts'
import { giveToken, makeUser, signIn } from '../support/http/accounts.ts'
import { build, send } from '../support/http/build.ts'
import { assertError } from '../support/http/error-answer.ts'
import { untilStatus } from '../support/http/until-status.ts'

const DATABASE_URL = await createDatabase()
const ANSWER_WITHIN_MS = 3_000

test('concurrent requests with many sessions and tokens run one query, and each gets its own account', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const accounts = await Promise.all(Array.from({ length: 10 }, () => makeUser(app)))
  const credentials = await Promise.all(
    accounts.map(async (account, index) =>
      index % 2 ? (await giveToken(app, account)).headers : { cookie: await signIn(app, account) },
    ),
  )
  const ask = () =>
    Promise.all(
      accounts.map(({ id }, index) =>
        send(app, 'GET', `/user/${id}`, { headers: credentials[index] ?? {} }),
      ),
    )
  await ask() // the pool has its connection by then
  const { result, statements } = await statementsDuring(ask)
  for (const [index, answer] of result.entries()) {
    t.assert.strictEqual(answer.statusCode, 200)
    t.assert.strictEqual(answer.json().username, accounts[index]?.username)
  }
  t.assert.strictEqual(statements.length, 1)
})

test('only the request with an ended session is refused when several share a query', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookies = await Promise.all(
    Array.from({ length: 5 }, async () => signIn(app, await makeUser(app))),
  )
  const [ended = '', ...live] = cookies
  await send(app, 'POST', '/logout', { cookie: ended })
  const answers = await Promise.all(cookies.map((cookie) => send(app, 'GET', '/me', { cookie })))
  t.assert.deepStrictEqual(
    answers.map(({ statusCode }) => statusCode),
    [401, ...live.map(() => 200)],
  )
})

test('requests return a 503 while the database does not respond, and succeed when it does again', async (t: TestContext) => {
  const link = await createDatabaseLink(DATABASE_URL)
  t.after(() => link.cut())
  const { app } = await build(t, { DATABASE_URL: link.url })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const { headers } = await giveToken(app, account)
  const read = () => send(app, 'GET', `/user/${account.id}`, { cookie })
  t.assert.strictEqual((await read()).statusCode, 200)

  link.stall()
  for (let round = 0; round < 2; round++) {
    const start = performance.now()
    const answers = await Promise.all([read(), read(), send(app, 'GET', '/me', { headers })])
    t.assert.ok(performance.now() - start < ANSWER_WITHIN_MS)
    for (const answer of answers) {
      assertError(t, answer, 503, 'SERVICE_UNAVAILABLE')
      t.assert.strictEqual(answer.headers['retry-after'], '1')
    }
  }
  t.assert.strictEqual((await send(app, 'GET', '/livez')).statusCode, 200)

  link.resume()
  await untilStatus(read, 200)
})

test('a request after the database has closed the connection succeeds', async (t: TestContext) => {
  const link = await createDatabaseLink(DATABASE_URL)
  t.after(() => link.cut())
  const { app } = await build(t, { DATABASE_URL: link.url })
  const cookie = await signIn(app, await makeUser(app))
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie })).statusCode, 200)
  await link.cut()
  assertError(t, await send(app, 'GET', '/me', { cookie }), 503, 'SERVICE_UNAVAILABLE')
  await link.mend()
  await untilStatus(() => send(app, 'GET', '/me', { cookie }), 200)
})
