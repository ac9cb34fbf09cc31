import { type TestContext, test } from 'node:test'
import { createDatabase } from '../support/database/database.ts'
import { makeUser, signIn } from '../support/http/accounts.ts'
import { build, send } from '../support/http/build.ts'

const DATABASE_URL = await createDatabase()

test('Server-Timing, switched on, has the duration of the request and of the part before the handler, in ms', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, SERVER_TIMING: true })
  const cookie = await signIn(app, await makeUser(app))
  const answer = await send(app, 'GET', '/me', { cookie })
  const told = /^before;dur=(\d+\.\d\d), total;dur=(\d+\.\d\d)$/.exec(
    String(answer.headers['server-timing']),
  )
  t.assert.ok(told, String(answer.headers['server-timing']))
  const [before, total] = told.slice(1).map(Number)
  t.assert.ok(before !== undefined && total !== undefined && 0 < before && before <= total)
  const refused = await send(app, 'GET', '/me')
  t.assert.match(String(refused.headers['server-timing']), /^total;dur=\d+\.\d\d$/)
})

test('Server-Timing is not sent by default', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const answer = await send(app, 'GET', '/livez')
  t.assert.strictEqual(answer.headers['server-timing'], undefined)
})
