import { type TestContext, test } from 'node:test'
import { Lookups } from '../../../db/lookups/lookups.ts'
import * as events from '../../../db/queries/events.ts'
import * as sessionQueries from '../../../db/queries/sessions.ts'
import { sweep } from '../../../db/queries/sweep.ts'
import * as tokenQueries from '../../../db/queries/tokens.ts'
import * as users from '../../../db/queries/users.ts'
import { createDatabase } from '../../support/database/database.ts'
import {
  changeTo,
  LIMITS,
  makeActor,
  makeDatabaseUser,
} from '../../support/database/database-users.ts'
import { assertFewRows, fillTables } from '../../support/database/few-rows.ts'
import { open } from '../../support/database/open.ts'
import { query } from '../../support/database/query.ts'
import { statementsDuring } from '../../support/database/statements.ts'

const DATABASE_URL = await createDatabase()
/** As many as the largest batch of lookups has. */
const KEYS = 512
/**
 * Per key, its entry in an index and its row, its owner, and for a batch of the sweep a row of a
 * temporary table, which MySQL reads twice.
 */
const MOST_ROWS = 5 * KEYS
const ROWS = 5_000

await fillTables(DATABASE_URL, ROWS)

for (const count of [1, KEYS]) {
  test(`batches of ${count} keys read few rows by an index, whatever the statistics`, async (t: TestContext) => {
    const db = open(t, DATABASE_URL)
    const lookups = new Lookups(db, LIMITS)
    const owned = await stored('users', count)
    const cookies = await stored('sessions', count)
    const secrets = await stored('tokens', count)
    const { statements } = await statementsDuring(async () => {
      for (const userId of [undefined, owned]) {
        const withUser = (key: { session: string } | { token: string }, index: number) =>
          lookups.find({ ...key, userId: userId?.[index]?.id })
        await Promise.all(cookies.map(({ digest }, index) => withUser({ session: digest }, index)))
        await Promise.all(secrets.map(({ digest }, index) => withUser({ token: digest }, index)))
      }
      await Promise.all(owned.map(({ id }) => lookups.find({ userId: id })))
      await Promise.all(secrets.map(({ digest }) => lookups.findUnverified({ token: digest })))
      await sessionQueries.touch(
        db,
        cookies.map(({ id }) => id),
      )
      await tokenQueries.touch(
        db,
        secrets.map(({ id }) => id),
      )
    })
    t.assert.ok(statements.filter((text) => text.startsWith('SELECT')).length >= 6)
    const sent = statements.map((statement) => ({ name: `${count} keys`, statement }))
    await assertFewRows(t, DATABASE_URL, sent, count === 1 ? 10 : MOST_ROWS)
  })
}

test('statements on an account with many sessions and tokens read few rows by an index, whatever the statistics', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const user = await makeDatabaseUser(db)
  const actor = await makeActor(db, user)
  await give(user.id, KEYS)
  await query(
    DATABASE_URL,
    `UPDATE events SET user_id = ${user.id} WHERE type = 'login' ORDER BY id * 7919 % 5003 LIMIT ${KEYS}`,
  )
  const change = changeTo(user.id, actor)
  const { statements } = await statementsDuring(async () => {
    await sessionQueries.list(db, user.id, LIMITS, { limit: 50 })
    await tokenQueries.list(db, user.id, { limit: 50 })
    await sessionQueries.end(db, change, actor.credential.id + 1)
    await makeActor(db, user)
    await tokenQueries.create(
      db,
      change,
      { secret: 'of a job', name: 'job' },
      { maxTokens: KEYS * 2 },
    )
    await sessionQueries.endAll(db, change, actor.credential.id)
    for (const order of ['newest', 'oldest'] as const) {
      const page = { order, beyond: undefined, limit: 50, userId: user.id }
      await events.list(db, { ...page, type: undefined })
      await events.list(db, { ...page, type: 'login' })
    }
    await give(user.id, KEYS)
    await users.changePassword(db, change, { passwordHash: 'another' })
  })
  const sent = statements.map((statement) => ({ name: 'many sessions', statement }))
  await assertFewRows(t, DATABASE_URL, sent, MOST_ROWS)
})

test('an account with more sessions than a change deletes is changed, and swept, by an index, whatever the statistics', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const user = await makeDatabaseUser(db)
  const actor = await makeActor(db, user)
  const count = 1_001
  await give(user.id, count)
  const { statements } = await statementsDuring(async () => {
    await sessionQueries.endAll(db, changeTo(user.id, actor), actor.credential.id)
    await sweep(db, { idleMs: LIMITS.idleMs, eventsMs: 86_400_000 })
  })
  t.assert.ok(statements.some((text) => text.startsWith('select count(*)')))
  const sent = statements.map((statement) => ({ name: 'most sessions', statement }))
  await assertFewRows(t, DATABASE_URL, sent, 3 * count)
})

test('a sweep of many expired rows reads few rows by an index, whatever the statistics', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const retention = { idleMs: LIMITS.idleMs, eventsMs: 86_400_000 }
  const { statements } = await statementsDuring(() => sweep(db, retention))
  // They run again, on rows that expire now.
  const past = 'CURRENT_TIMESTAMP(3) - INTERVAL 30 DAY'
  for (const set of [
    `sessions SET expires_at = ${past}`,
    `sessions SET last_seen_at = ${past}`,
    `tokens SET expires_at = ${past}`,
    `events SET at = ${past}`,
    `login_failures SET last_at = ${past}`,
  ]) {
    await query(DATABASE_URL, `UPDATE ${set} ORDER BY RAND(1) LIMIT ${KEYS}`)
  }
  const sent = statements.map((statement) => ({ name: 'sweep', statement }))
  await assertFewRows(t, DATABASE_URL, sent, MOST_ROWS)
})

interface Key {
  id: number
  /** In upper-case hex; an account has none. */
  digest: string
}

/** @returns keys of rows that are spread over the table */
async function stored(table: 'users' | 'sessions' | 'tokens', count: number): Promise<Key[]> {
  const digest = table === 'users' ? `''` : 'HEX(digest)'
  const rows = await query(
    DATABASE_URL,
    `SELECT id, ${digest} AS digest FROM ${table} ORDER BY id * 7919 % 5003 LIMIT ${count}`,
  )
  return rows.map(({ id, digest }) => ({ id: Number(id), digest: String(digest) }))
}

/** Gives an account sessions and tokens. */
async function give(userId: number, count: number): Promise<void> {
  const columns = `UNHEX(SHA2(UUID(), 256)), ${userId}, CURRENT_TIMESTAMP(3) + INTERVAL 1 DAY`
  const from = `FROM events LIMIT ${count}`
  await query(
    DATABASE_URL,
    `INSERT INTO sessions (digest, user_id, expires_at) SELECT ${columns} ${from}`,
  )
  await query(
    DATABASE_URL,
    `INSERT INTO tokens (digest, user_id, expires_at, name) SELECT ${columns}, 'job' ${from}`,
  )
}
