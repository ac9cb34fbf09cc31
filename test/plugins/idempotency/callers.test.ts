import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { eq } from 'drizzle-orm'
import { idempotentResponses, users } from '../../../db/schema.ts'
import { createDatabase } from '../../support/database/database.ts'
import { giveToken, makeUser, signIn } from '../../support/http/accounts.ts'
import { build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'

test('two accounts with the same key and body have an answer each', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL: await createDatabase() })
  const [first, second] = await Promise.all(
    [1, 2].map(async () => {
      const cookie = await signIn(app, await makeUser(app))
      const headers = { 'idempotency-key': 'one' }
      return send(app, 'POST', '/tokens', { cookie, body: { name: 'job' }, headers })
    }),
  )
  t.assert.deepStrictEqual([first?.statusCode, second?.statusCode], [200, 200])
  t.assert.notStrictEqual(first?.body, second?.body)
  t.assert.strictEqual(second?.headers['idempotency-replayed'], undefined)
  t.assert.strictEqual(await app.db.$count(idempotentResponses), 2)
})

test('the guard comes before the answer: a caller without access does not get it', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL: await createDatabase() })
  const admin = await makeUser(app, 'admin')
  const other = await makeUser(app)
  const cookie = await signIn(app, admin)
  const headers = { 'idempotency-key': 'one' }
  const patch = () =>
    send(app, 'PATCH', `/user/${other.id}`, { cookie, body: { disabled: true }, headers })
  t.assert.strictEqual((await patch()).statusCode, 200)
  await app.db.update(users).set({ role: 'user' }).where(eq(users.id, admin.id))
  assertError(t, await patch(), 401, 'NOT_PERMITTED')
})

test('a limited token gets no answer of a session of its owner, but its own ones', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL: await createDatabase() })
  const admin = await makeUser(app, 'admin')
  const cookie = await signIn(app, admin)
  const { headers } = await giveToken(app, admin, { scopes: ['accounts:write'] })
  const key = { 'idempotency-key': 'one' }
  const create = (role: string, username: string, own: object) =>
    send(app, 'POST', '/users', { body: { kind: 'service', username, role }, ...own })
  const [username, other] = [randomUUID(), randomUUID()]
  const bySession = { cookie, headers: key }
  const byToken = { headers: { ...headers, ...key } }
  t.assert.strictEqual((await create('admin', username, bySession)).statusCode, 200)
  assertError(t, await create('admin', username, byToken), 403, 'TOKEN_LIMITED')

  const first = await create('user', other, byToken)
  const again = await create('user', other, byToken)
  t.assert.strictEqual(again.headers['idempotency-replayed'], 'true')
  t.assert.strictEqual(again.body, first.body)
  t.assert.strictEqual(await app.db.$count(users, eq(users.username, other)), 1)
})
