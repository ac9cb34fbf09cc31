import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { sql } from 'drizzle-orm'
import { closeDatabase, openDatabase } from '../../db/client.ts'
import { adviceFor, databaseFault, isBug, isDuplicateKey } from '../../db/errors.ts'
import { users } from '../../db/schema.ts'
import { createDatabase, createEmptyDatabase } from '../support/database/database.ts'
import { isTidb } from '../support/database/engine.ts'
import { open } from '../support/database/open.ts'
import { failureOf } from '../support/failure-of.ts'

const DATABASE_URL = await createDatabase()

test('an error of a query contains none of the secrets in its parameters', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const row = { username: randomUUID(), usernameKey: randomUUID(), passwordHash: 'the secret' }
  await db.insert(users).values(row)
  const error = await failureOf(db.insert(users).values(row))
  t.assert.ok(isDuplicateKey(error))
  const fault = { code: 'ER_DUP_ENTRY', errno: 1062, sqlState: '23000' }
  t.assert.deepStrictEqual(databaseFault(error), fault)
  t.assert.match(String(error), /the secret/, "Drizzle's own message does hold it")
})

test('an error of a wrong statement or a wrong value is a bug', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const name = 'x'.repeat(100)
  const statements = {
    ER_PARSE_ERROR: sql`nonsense`,
    ER_DATA_TOO_LONG: sql`INSERT INTO users (username, username_key, password_hash) VALUES (${name}, ${name}, '')`,
    ER_BAD_NULL_ERROR: sql`INSERT INTO users (username, username_key, password_hash) VALUES (NULL, 'x', '')`,
    ER_NO_DEFAULT_FOR_FIELD: sql`INSERT INTO users (username) VALUES ('x')`,
  }
  for (const [code, statement] of Object.entries(statements)) {
    const fault = databaseFault(await failureOf(db.execute(statement)))
    t.assert.strictEqual(fault?.code, code)
    t.assert.ok(isBug(fault), code)
  }
})

test('an error of an outdated schema, a refused user, an unreachable server or a closed pool is a fault with advice', async (t: TestContext) => {
  const closed = openDatabase(DATABASE_URL, { connections: 1 })
  await closeDatabase(closed)
  const unknownUser = new URL(DATABASE_URL)
  unknownUser.username = 'nobody'
  unknownUser.password = 'wrong'
  const unknownDatabase = new URL(DATABASE_URL)
  unknownDatabase.pathname = `/${randomUUID()}`

  const empty = open(t, await createEmptyDatabase())
  const errors = {
    ER_NO_SUCH_TABLE: await failureOf(empty.select().from(users)),
    ER_ACCESS_DENIED_ERROR: await failureOf(open(t, unknownUser.href).execute(sql`SELECT 1`)),
    ER_BAD_DB_ERROR: await failureOf(open(t, unknownDatabase.href).execute(sql`SELECT 1`)),
    ECONNREFUSED: await failureOf(
      open(t, 'mysql://root@127.0.0.1:1/nothing').execute(sql`SELECT 1`),
    ),
    ENOENT: await failureOf(
      open(t, 'mysql://root@localhost/nothing?socketPath=%2Fnowhere%2Fserver.sock').execute(
        sql`SELECT 1`,
      ),
    ),
    POOL_CLOSED: await failureOf(closed.execute(sql`SELECT 1`)),
  }
  for (const [code, error] of Object.entries(errors)) {
    const fault = databaseFault(error)
    t.assert.strictEqual(fault?.code, code)
    t.assert.ok(!isBug(fault), code)
    t.assert.ok(!isDuplicateKey(error), code)
    if (code !== 'POOL_CLOSED') t.assert.ok(adviceFor(fault), code)
  }
})

test('an error from elsewhere does not count as a database error', (t: TestContext) => {
  const refused = Object.assign(new Error('elsewhere'), { code: 'ECONNREFUSED', errno: -111 })
  for (const error of [new Error('x'), refused, 'text', undefined, null, { errno: 1062 }]) {
    t.assert.strictEqual(databaseFault(error), undefined)
    t.assert.ok(!isDuplicateKey(error))
  }
})

test('an error of a connection that the server kills is a fault', async (t: TestContext) => {
  const db = open(t, DATABASE_URL, 1)
  const fault = databaseFault(await failureOf(db.execute(sql`KILL CONNECTION_ID()`)))
  // TiDB closes the connection without an answer.
  const isKnown = isTidb ? fault?.code === 'PROTOCOL_CONNECTION_LOST' : isKill(fault?.errno)
  t.assert.ok(isKnown, JSON.stringify(fault))
  t.assert.ok(fault && !isBug(fault))
})

function isKill(errno = 0): boolean {
  return [1317, 1927].includes(errno)
}
