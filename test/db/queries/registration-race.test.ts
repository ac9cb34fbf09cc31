import { type TestContext, test } from 'node:test'
import { eq } from 'drizzle-orm'
import { users } from '../../../db/schema.ts'
import { createDatabase } from '../../support/database/database.ts'
import { open } from '../../support/database/open.ts'
import { exitCode, install, listenTo } from '../../support/process/installation.ts'

const DATABASE_URL = await createDatabase()
const EACH = 25

test('50 concurrent registrations of one username, in two processes and different cases, create one account', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const site = await install(t)
  const args = ['somebody', String(EACH), DATABASE_URL]
  const instances = [1, 2].map(() => {
    const child = site.start('test/support/database/create-users.ts', args)
    return { child, ...listenTo(child) }
  })
  await Promise.all(instances.map(({ until }) => until(/ready/)))
  for (const { child } of instances) child.stdin.end()

  const told = await Promise.all(instances.map(({ until }) => until(/answered (\S+)/)))
  const statuses = told.flatMap((list): number[] => JSON.parse(list))
  t.assert.strictEqual(statuses.length, 2 * EACH)
  t.assert.deepStrictEqual(
    statuses.filter((status) => status !== 400),
    [200],
  )
  const rows = await db.select().from(users).where(eq(users.usernameKey, 'somebody'))
  t.assert.strictEqual(rows.length, 1)
  t.assert.strictEqual(await db.$count(users), 1)
  for (const { child } of instances) t.assert.strictEqual(await exitCode(child), 0)
})
