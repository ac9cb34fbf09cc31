import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { sql } from 'drizzle-orm'
import { closeDatabase, openDatabase } from '../../db/client.ts'
import { databaseFault, isDuplicateKey, isTransient } from '../../db/errors.ts'
import { users } from '../../db/schema.ts'
import { createDatabase, createEmptyDatabase } from '../support/database/database.ts'
import { open } from '../support/database/open.ts'

const DATABASE_URL = await createDatabase()

test('an error of a query contains none of the secrets in its parameters', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const row = { username: randomUUID(), usernameKey: randomUUID(), passwordHash: 'the secret' }
  await db.insert(users).values(row)
  const error = await failureOf(db.insert(users).values(row))
  t.assert.ok(isDuplicateKey(error))
  t.assert.deepStrictEqual(databaseFault(error), { code: 'ER_DUP_ENTRY', errno: 1062 })
  t.assert.match(String(error), /the secret/, "Drizzle's own message does hold it")
  t.assert.ok(!isTransient({ code: 'ER_DUP_ENTRY', errno: 1062 }))
})

test('an error of an invalid query is permanent', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const fault = databaseFault(await failureOf(db.execute(sql`nonsense`)))
  t.assert.strictEqual(fault?.errno, 1064)
  t.assert.ok(!isTransient(fault))
})

test('an error of an outdated schema, an unreachable server or a closed or full pool is temporary', async (t: TestContext) => {
  const closed = openDatabase(DATABASE_URL)
  await closeDatabase(closed)
  const full = open(t, DATABASE_URL, 1)
  const crowd = Array.from({ length: 1_002 }, () => full.execute(sql`SELECT 1`))
  const crowded = (await Promise.allSettled(crowd)).find(({ status }) => status === 'rejected')

  const empty = open(t, await createEmptyDatabase())
  const away = open(t, 'mysql://root@127.0.0.1:1/nothing')
  const nowhere = open(t, 'mysql://root@localhost/nothing?socketPath=%2Fnowhere%2Fserver.sock')
  const errors = {
    ER_NO_SUCH_TABLE: await failureOf(empty.select().from(users)),
    ECONNREFUSED: await failureOf(away.execute(sql`SELECT 1`)),
    ENOENT: await failureOf(nowhere.execute(sql`SELECT 1`)),
    POOL_UNAVAILABLE: await failureOf(closed.$client.getConnection()),
    'POOL_UNAVAILABLE ': crowded && 'reason' in crowded ? crowded.reason : undefined,
  }
  for (const [code, error] of Object.entries(errors)) {
    const fault = databaseFault(error)
    t.assert.ok(fault && code.includes(fault.code), `${code}: ${JSON.stringify(fault)}`)
    t.assert.ok(isTransient(fault), code)
    t.assert.ok(!isDuplicateKey(error), code)
  }
})

test('an error from elsewhere does not count as a database error', (t: TestContext) => {
  const refused = Object.assign(new Error('elsewhere'), { code: 'ECONNREFUSED', errno: -111 })
  for (const error of [new Error('x'), refused, 'text', undefined, null, { errno: 1062 }]) {
    t.assert.strictEqual(databaseFault(error), undefined)
    t.assert.ok(!isDuplicateKey(error))
  }
})

test('an error of a connection that the server kills is temporary', async (t: TestContext) => {
  const db = open(t, DATABASE_URL, 1)
  const fault = databaseFault(await failureOf(db.execute(sql`KILL CONNECTION_ID()`)))
  t.assert.ok([1317, 1927].includes(fault?.errno ?? 0), JSON.stringify(fault))
  t.assert.ok(fault && isTransient(fault))
})

async function failureOf(work: PromiseLike<unknown>): Promise<unknown> {
  try {
    await work
  } catch (error) {
    return error
  }
  throw new Error('it did not fail')
}
