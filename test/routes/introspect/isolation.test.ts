import { type TestContext, test } from 'node:test'
import { TimeLimit } from '../../../db/connections/time-limit.ts'
import { INSPECTION_LIMITS } from '../../../db/lookups/limits.ts'
import { createDatabase } from '../../support/database/database.ts'
import { giveToken, makeService, makeUser, signIn } from '../../support/http/accounts.ts'
import { build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'

test('inspections wait in a queue of their own: while it is full or stuck they get a 503, and GET /me its answer', async (t: TestContext) => {
  const DATABASE_URL = await createDatabase()
  const { app } = await build(t, { DATABASE_URL, failing: true })
  const { headers } = await giveToken(app, await makeService(app), { scopes: ['introspect'] })
  const cookie = await signIn(app, await makeUser(app))
  const credentials = Array.from({ length: 100 }, () => ({ token: app.tokenFormat.create() }))
  const inspect = () => send(app, 'POST', '/introspect/batch', { headers, body: { credentials } })
  t.assert.strictEqual((await inspect()).statusCode, 200)

  // The connections of the inspections are taken, so that their query waits.
  const { pool } = app.inspections
  let release = () => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  const holding = Array.from({ length: pool.size }, () =>
    pool.use(new TimeLimit(60_000), () => released),
  )
  const most = INSPECTION_LIMITS.maxWaiting / credentials.length
  const flood = Array.from({ length: most + 10 }, inspect)
  const me = await send(app, 'GET', '/me', { cookie })
  t.assert.strictEqual(me.statusCode, 200)
  const answers = await Promise.all(flood)
  for (const answer of answers) assertError(t, answer, 503)
  release()
  await Promise.all(holding)
  t.assert.strictEqual((await inspect()).statusCode, 200)
})
