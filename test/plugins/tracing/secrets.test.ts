import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { createDatabase } from '../../support/database/database.ts'
import { cookieOf, giveToken, makeUser, storedUser } from '../../support/http/accounts.ts'
import { build, send, TEST_SECRET } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'
import { putPassword } from '../../support/http/put-password.ts'
import { collectTraces } from '../../support/tracing/collector.ts'

const DATABASE_URL = await createDatabase()

for (const OTEL_EXPORTER_OTLP_PROTOCOL of ['http/json', 'http/protobuf'] as const) {
  test(`what is sent as ${OTEL_EXPORTER_OTLP_PROTOCOL} holds the spans and none of the secrets of the traffic`, async (t: TestContext) => {
    const collector = await collectTraces(t)
    const key = randomUUID()
    const { app, log, keepSecret } = await build(t, {
      ...{ DATABASE_URL, ...collector.settings, OTEL_EXPORTER_OTLP_PROTOCOL, failing: true },
      OTEL_EXPORTER_OTLP_HEADERS: `x-api-key=${key}`,
    })
    keepSecret(key)
    const user = await makeUser(app)
    const { username, password, passwordHash } = user
    const login = await send(app, 'POST', '/login', { body: { username, password } })
    t.assert.strictEqual(login.statusCode, 200)
    const cookie = cookieOf(login)
    const token = await giveToken(app, user)
    const secretQuery = randomUUID()
    const answers = [
      await send(app, 'GET', `/me?key=${secretQuery}`, { cookie }),
      await send(app, 'GET', `/user/${user.id}?key=${secretQuery}`, { headers: token.headers }),
      await send(app, 'GET', `/nothing?key=${secretQuery}`, { cookie }),
    ]
    const statuses = answers.map(({ statusCode }) => statusCode)
    t.assert.deepStrictEqual(statuses, [200, 200, 404])
    const wrong = { username, password: `${password}!` }
    assertError(t, await send(app, 'POST', '/login', { body: wrong }), 400, 'INVALID_CREDENTIALS')
    const changed = randomUUID()
    const change = { password: changed, currentPassword: password }
    t.assert.strictEqual((await putPassword(app, user.id, cookie, change)).statusCode, 200)
    const renewed = (await storedUser(app, user.id))?.passwordHash ?? ''
    t.assert.notStrictEqual(renewed, passwordHash)
    // The message of the database's error holds the parameters of its query.
    await app.db.execute('RENAME TABLE events TO hidden_events')
    const registered = randomUUID()
    const refused = { username: registered, password }
    const { statusCode } = await send(app, 'POST', '/user', { body: refused })
    await app.db.execute('RENAME TABLE hidden_events TO events')
    t.assert.strictEqual(statusCode, 503)
    await app.close()

    t.assert.deepStrictEqual(
      collector.received.map(({ path, headers }) => [path, headers['x-api-key']]),
      [['/v1/traces', key]],
    )
    const sent = Buffer.concat(collector.received.map(({ body }) => body)).toString('latin1')
    for (const name of ['GET /user/:id', 'lookup batch', 'password hash', '/nothing']) {
      t.assert.ok(sent.includes(name), name)
    }
    const [, value = ''] = cookie.split('=')
    const secrets = {
      ...{ username, password, passwordHash, changed, renewed, registered, secretQuery, key },
      ...{ cookie, value, decoded: decodeURIComponent(value), token: token.secret, TEST_SECRET },
      ...{ bcrypt: '$2b$', statement: 'insert into' },
    }
    for (const [name, secret] of Object.entries(secrets)) {
      t.assert.ok(secret.length > 3, name)
      t.assert.ok(!sent.toLowerCase().includes(secret.toLowerCase()), name)
    }
    t.assert.ok(!log.text.includes(key))
  })
}
