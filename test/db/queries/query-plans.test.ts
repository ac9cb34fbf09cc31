import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { sweep } from '../../../db/queries/sweep.ts'
import { endedAccess } from '../../../db/schema.ts'
import { createDatabase } from '../../support/database/database.ts'
import { assertFewRows, fillTables, type Sent } from '../../support/database/few-rows.ts'
import { statementsDuring } from '../../support/database/statements.ts'
import { giveToken, makeUser } from '../../support/http/accounts.ts'
import { send } from '../../support/http/build.ts'
import { EXCHANGE } from '../../support/http/imported.ts'
import { buildWithRoutes } from '../../support/http/route-table.ts'
import { CALLS } from './route-calls.ts'

const DATABASE_URL = await createDatabase()
/** Far more than a statement may read. */
const ROWS = 5_000
/** More than a page of a list and its owners. */
const MOST_ROWS = 250

await fillTables(DATABASE_URL, ROWS)

test('every statement of every route reads few rows by an index, whatever the statistics', async (t: TestContext) => {
  const { app, routes } = await buildWithRoutes(t, { DATABASE_URL, ...EXCHANGE })
  const sent: Sent[] = []
  for (const [route, makeCalls] of Object.entries(CALLS)) {
    for (const { method, url, ...rest } of await makeCalls(app)) {
      // Statements without a key are a part of those with one.
      const headers = { ...rest.headers, 'idempotency-key': randomUUID() }
      const call = { ...rest, headers }
      const { result, statements } = await statementsDuring(() => send(app, method, url, call))
      t.assert.strictEqual(result.statusCode, 200, `${route}: ${result.body}`)
      for (const statement of statements) sent.push({ name: `${method} ${url}`, statement })
    }
  }
  const known = routes.map(({ method, url }) => `${method} ${url}`)
  const isOwn = (route: string) => !route.startsWith('HEAD ') && !route.endsWith(' /verify')
  const missing = known.filter((route) => isOwn(route) && !(route in CALLS))
  t.assert.deepStrictEqual(missing, [], 'routes without a call')
  await assertFewRows(t, DATABASE_URL, sent, MOST_ROWS)
})

test('every statement of the background work reads few rows by an index, whatever the statistics', async (t: TestContext) => {
  const { app } = await buildWithRoutes(t, { DATABASE_URL })
  const retention = { idleMs: 3_600_000, eventsMs: 86_400_000 }
  const { id: userId } = await makeUser(app)
  const deletedId = userId + 1_000_000
  await app.db.insert(endedAccess).values([{ userId }, { userId: deletedId }])
  const swept = await statementsDuring(() => sweep(app.db, retention))
  t.assert.ok(swept.statements.length >= 14)

  const { headers } = await giveToken(app, await makeUser(app))
  const used = await statementsDuring(async () => {
    await send(app, 'GET', '/me', { headers })
    await app.lastUsed.flush()
  })
  t.assert.ok(used.statements.some((statement) => statement.startsWith('UPDATE `tokens`')))
  const sent = [...swept.statements, ...used.statements].map((statement) => {
    return { name: 'background', statement }
  })
  await assertFewRows(t, DATABASE_URL, sent, MOST_ROWS)
})
