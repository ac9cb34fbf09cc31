import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { eq, inArray } from 'drizzle-orm'
import type { Database, Queryable } from '../../db/client.ts'
import type { CommittedEvent } from '../../db/observer.ts'
import { recordEvent } from '../../db/queries/events.ts'
import { events, users } from '../../db/schema.ts'
import { inOneTransaction, transaction } from '../../db/transaction.ts'
import { createDatabase } from '../support/database/database.ts'
import { open } from '../support/database/open.ts'
import { statementsDuring } from '../support/database/statements.ts'

const DATABASE_URL = await createDatabase()

async function makeRow(tx: Queryable): Promise<number> {
  const username = randomUUID()
  const row = { username, usernameKey: username, passwordHash: 'x' }
  return (await tx.insert(users).values(row))[0].insertId
}

/** A change as those of db/queries: a row and its event. */
function makeUser(db: Database): Promise<number> {
  return transaction(db, async (tx) => {
    const userId = await makeRow(tx)
    await recordEvent(tx, {}, { type: 'user_created', userId })
    return userId
  })
}

async function countOf(db: Queryable, ids: number[]) {
  return {
    users: await db.$count(users, inArray(users.id, ids)),
    events: await db.$count(events, inArray(events.userId, ids)),
  }
}

test('changes that join a transaction are committed together, and their events come last', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const seen: (readonly CommittedEvent[])[] = []
  db.observer.onCommit = (list) => seen.push(list)
  const { result: ids, statements } = await statementsDuring(() =>
    inOneTransaction(db, async (joined) => {
      const first = await makeUser(joined)
      const second = await makeUser(joined)
      t.assert.deepStrictEqual(await countOf(db, [first, second]), { users: 0, events: 0 })
      t.assert.strictEqual((await countOf(joined, [first, second])).users, 2)
      const third = await makeRow(joined)
      return [first, second, third]
    }),
  )
  t.assert.deepStrictEqual(await countOf(db, ids), { users: 3, events: 2 })
  t.assert.deepStrictEqual(
    seen.map((list) => list.length),
    [2],
  )
  const changes = statements.filter((text) => /^(BEGIN|COMMIT|insert|update)/.test(text))
  t.assert.deepStrictEqual(
    changes.map((text) => text.split(/[\s(]+/, 3).join(' ')),
    [
      'BEGIN',
      ...Array(3).fill('insert into `users`'),
      ...Array(2).fill(['update `event_counter` set', 'insert into `events`']).flat(),
      'COMMIT',
    ],
  )
})

test('a transaction that fails after a change has joined it undoes the change', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const seen: unknown[] = []
  db.observer.onCommit = (list) => seen.push(list)
  let id = 0
  const failed = inOneTransaction(db, async (joined) => {
    id = await makeUser(joined)
    throw new Error('the work failed')
  })
  await t.assert.rejects(failed, { message: 'the work failed' })
  t.assert.deepStrictEqual(await countOf(db, [id]), { users: 0, events: 0 })
  t.assert.deepStrictEqual(seen, [])
  const after = await makeUser(db) // on the same connection
  t.assert.deepStrictEqual(await countOf(db, [after]), { users: 1, events: 1 })
})

test('a conflict in a change that has joined a transaction repeats all of it', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const ids: number[] = []
  const conflict = Object.assign(new Error('a deadlock'), { errno: 1213, sqlState: '40001' })
  await inOneTransaction(db, async (joined) => {
    ids.push(await makeUser(joined))
    await transaction(joined, async () => {
      if (ids.length < 3) throw conflict
    })
  })
  t.assert.strictEqual(ids.length, 3)
  t.assert.deepStrictEqual(await countOf(db, ids), { users: 1, events: 1 })
  const [last] = await db
    .select()
    .from(users)
    .where(eq(users.id, ids[2] ?? 0))
  t.assert.ok(last)
})
