import { randomUUID } from 'node:crypto'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { eq } from 'drizzle-orm'
import { users } from '../../db/schema.ts'
import { transaction } from '../../db/transaction.ts'
import { createDatabase } from '../support/database/database.ts'
import { createDatabaseLink } from '../support/database/database-link.ts'
import { open } from '../support/database/open.ts'
import { makeUser, signIn, storedUser } from '../support/http/accounts.ts'
import { type App, build, send } from '../support/http/build.ts'
import { assertError } from '../support/http/error-answer.ts'
import { listen } from '../support/http/raw-http.ts'
import { untilStatus } from '../support/http/until-status.ts'
import { until } from '../support/until.ts'

const DATABASE_URL = await createDatabase()
const PASSWORD = 'correct horse battery'
const TIMEOUT_MS = 500

test('a change while the database does not respond returns a 503 after the time limit and is not made later', async (t: TestContext) => {
  const { app, link } = await buildLinked(t)
  const admin = await signIn(app, await makeUser(app, 'admin'))
  const user = await makeUser(app)
  const cookie = await signIn(app, user)
  const username = randomUUID()
  const body = { username, password: PASSWORD }
  const { username: name, password } = user

  // The caller is found before the silence, by the other pool.
  link.muteAfter('BEGIN')
  const answers = await Promise.all([
    send(app, 'POST', '/user', { body }),
    send(app, 'POST', '/login', { body: { username: name, password } }),
    send(app, 'POST', '/tokens', { cookie, body: { name: 'job' } }),
    send(app, 'PUT', `/user/update-password/${user.id}`, { cookie, body: { password: PASSWORD } }),
    send(app, 'PATCH', `/user/${user.id}`, { cookie: admin, body: { disabled: true } }),
    send(app, 'DELETE', `/user/${user.id}`, { cookie: admin }),
    send(app, 'POST', '/logout', { cookie }),
  ])
  for (const answer of answers) {
    assertError(t, answer, 503, 'SERVICE_UNAVAILABLE')
    t.assert.strictEqual(answer.headers['retry-after'], '1')
  }

  link.resume()
  await untilStatus(() => send(app, 'GET', '/readyz'), 200)
  t.assert.strictEqual((await storedUser(app, user.id))?.disabled, false)
  t.assert.strictEqual((await findByName(t, username)).length, 0)
  // `/readyz` uses another pool. The pool of changes tries to connect at most once a second after a failure.
  await untilStatus(() => send(app, 'POST', '/user', { body }), 200)
})

test('a change whose connection is lost during its commit returns a 503 OUTCOME_UNKNOWN', async (t: TestContext) => {
  const { app, link } = await buildLinked(t)
  for (const lose of [link.muteAfter, link.resetAfter]) {
    const username = randomUUID()
    const body = { username, password: PASSWORD }
    lose('COMMIT')
    const answer = await send(app, 'POST', '/user', { body })
    assertError(t, answer, 503, 'OUTCOME_UNKNOWN')
    t.assert.strictEqual(answer.headers['retry-after'], '1')
    link.resume()
    const other = () => ({ username: randomUUID(), password: PASSWORD })
    await untilStatus(() => send(app, 'POST', '/user', { body: other() }), 200)
  }
})

test('a change whose client closes the connection before its commit is not made', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const port = await listen(app)
  const user = await makeUser(app)
  const cookie = await signIn(app, user)
  await transaction(open(t, DATABASE_URL), async (tx) => {
    await tx.select().from(users).where(eq(users.id, user.id)).for('update')
    const client = connect(port, '127.0.0.1')
    client.write(`POST /logout HTTP/1.1\r\nHost: localhost\r\nCookie: ${cookie}\r\n\r\n`)
    await until(
      () => app.db.pool.load.busy === 1,
      () => 'the request does not wait for the row',
    )
    client.destroy()
    await until(
      async () => (await countConnections(app)) === 0,
      () => 'the server has not seen the close',
    )
  })
  await until(
    () => app.db.pool.load.busy === 0,
    () => 'the request still runs',
  )
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie })).statusCode, 200)
})

/** A server whose database is behind a link that the test controls. */
async function buildLinked(t: TestContext) {
  const link = await createDatabaseLink(DATABASE_URL)
  const { app } = await build(t, {
    DATABASE_URL: link.url,
    DATABASE_TIMEOUT_MS: TIMEOUT_MS,
  })
  t.after(() => link.cut())
  return { app, link }
}

function findByName(t: TestContext, username: string) {
  return open(t, DATABASE_URL).select().from(users).where(eq(users.usernameKey, username))
}

function countConnections({ server }: App): Promise<number> {
  return promisify(server.getConnections.bind(server))()
}
