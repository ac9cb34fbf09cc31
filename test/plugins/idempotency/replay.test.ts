import test, { type TestContext } from 'node:test'
import { eq } from 'drizzle-orm'
import { events, idempotentResponses } from '../../../db/schema.ts'
import { createDatabase } from '../../support/database/database.ts'
import { makeUser, signIn, storedTokens } from '../../support/http/accounts.ts'
import { build, send } from '../../support/http/build.ts'

const DATABASE_URL = await createDatabase()

test('a token, created twice with one key, is one token, and its first answer is repeated', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const options = { cookie, body: { name: 'one' }, headers: { 'idempotency-key': 'k1' } }
  const first = await send(app, 'POST', '/tokens', options)
  const second = await send(app, 'POST', '/tokens', options)
  t.assert.strictEqual(first.statusCode, 200, first.body)
  t.assert.strictEqual(second.statusCode, 200, second.body)
  t.assert.strictEqual(second.body, first.body)
  t.assert.strictEqual(first.headers['idempotency-replayed'], undefined)
  t.assert.strictEqual(second.headers['idempotency-replayed'], 'true')
  t.assert.strictEqual(second.headers['content-type'], first.headers['content-type'])
  t.assert.strictEqual((await storedTokens(app, account.id)).length, 1)
  t.assert.strictEqual(await app.db.$count(events, eq(events.userId, account.id)), 1)
  t.assert.strictEqual(await app.db.$count(idempotentResponses), 1)
})
