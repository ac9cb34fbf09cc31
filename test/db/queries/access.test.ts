import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { desc, eq } from 'drizzle-orm'
import type { Database } from '../../../db/client.ts'
import { type Actor, type Credential, refused } from '../../../db/queries/authority.ts'
import { seedSessions, seedTokens } from '../../../db/queries/seed.ts'
import * as sessions from '../../../db/queries/sessions.ts'
import * as tokens from '../../../db/queries/tokens.ts'
import { changePassword } from '../../../db/queries/users.ts'
import {
  endedAccess,
  sessions as sessionsTable,
  tokens as tokensTable,
} from '../../../db/schema.ts'
import { createDatabase } from '../../support/database/database.ts'
import {
  changeTo,
  LIMITS,
  makeActor,
  makeDatabaseUser,
} from '../../support/database/database-users.ts'
import { open } from '../../support/database/open.ts'

const DATABASE_URL = await createDatabase()
const MANY = 1_001

function tokenCredential(id: number): Credential {
  return {
    kind: 'token',
    id,
    isStale: false,
    ownerKind: 'person',
    scopes: undefined,
    addressRanges: undefined,
  }
}

/** @returns an account whose sessions and tokens have ended, but still have rows, and who ended them */
async function endMany(db: Database) {
  const user = await makeDatabaseUser(db)
  const [gone, kept] = [await makeActor(db, user), await makeActor(db, user)]
  await give(db, user.id, MANY)
  const [token = 0] = await idsOf(db, tokensTable, user.id)
  const byToken: Actor = { ...gone, credential: tokenCredential(token) }
  const changed = await changePassword(db, changeTo(user.id, kept), { passwordHash: 'other' })
  if (!changed.ok || !changed.hasLeftovers) throw new Error('no rows are left')
  return { user, kept, gone, byToken, token }
}

test('a change by an actor whose session or token has ended is refused while its row still exists', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const { user, gone, byToken, kept } = await endMany(db)
  for (const actor of [gone, byToken]) {
    const change = changeTo(user.id, actor)
    t.assert.deepStrictEqual(await sessions.endAll(db, change), refused('actor-gone'))
    const created = await tokens.create(db, change, { secret: 'x', name: 'late' }, { maxTokens: 1 })
    t.assert.deepStrictEqual(created, refused('actor-gone'))
  }
  t.assert.ok((await sessions.endAll(db, changeTo(user.id, kept), kept.credential.id)).ok)
})

test('a session or token that has ended is neither ended again nor listed while its row still exists', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const { user, kept, gone, token } = await endMany(db)
  const change = changeTo(user.id, kept)
  t.assert.deepStrictEqual(await sessions.end(db, change, gone.credential.id), refused('not-found'))
  t.assert.deepStrictEqual(await tokens.end(db, change, token), refused('not-found'))
  const page = { limit: 10 }
  t.assert.deepStrictEqual(
    (await sessions.list(db, user.id, LIMITS, page)).map(({ id }) => id),
    [kept.credential.id],
  )
  t.assert.deepStrictEqual(await tokens.list(db, user.id, page), [])
})

test('tokens that have ended do not count as tokens of the account while their rows still exist', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const { user, kept } = await endMany(db)
  const create = (secret: string) =>
    tokens.create(db, changeTo(user.id, kept), { secret, name: 'new' }, { maxTokens: 1 })
  t.assert.ok((await create('first')).ok)
  t.assert.deepStrictEqual(await create('second'), refused('token-limit'))
})

test('access that ends a second time before the rows of the first are deleted keeps nothing of it', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const { user, kept } = await endMany(db)
  const change = changeTo(user.id, kept)
  t.assert.ok(
    (await tokens.create(db, change, { secret: 'between', name: 'between' }, { maxTokens: 100 }))
      .ok,
  )
  t.assert.ok((await changePassword(db, change, { passwordHash: 'third' })).ok)
  t.assert.deepStrictEqual(await tokens.list(db, user.id, { limit: 10 }), [])
  t.assert.strictEqual((await idsOf(db, tokensTable, user.id)).length, MANY)
  const listed = await sessions.list(db, user.id, LIMITS, { limit: 10 })
  t.assert.deepStrictEqual(
    listed.map(({ id }) => id),
    [kept.credential.id],
  )
})

test('a thousand rows are deleted by the change itself, and nothing is left to sweep', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const user = await makeDatabaseUser(db)
  const kept = await makeActor(db, user)
  await give(db, user.id, MANY - 1)
  const changed = await changePassword(db, changeTo(user.id, kept), { passwordHash: 'other' })
  t.assert.deepStrictEqual(changed, { ok: true, hasLeftovers: false })
  t.assert.deepStrictEqual(await idsOf(db, sessionsTable, user.id), [kept.credential.id])
  t.assert.deepStrictEqual(await idsOf(db, tokensTable, user.id), [])
  t.assert.strictEqual(await db.$count(endedAccess, eq(endedAccess.userId, user.id)), 0)
})

async function give(db: Database, userId: number, count: number): Promise<void> {
  const rows = () => Array.from({ length: count }, () => ({ userId, digest: randomBytes(32) }))
  await seedSessions(db, rows(), { lifetimeMs: 3_600_000, userAgent: 'many' })
  await seedTokens(db, rows(), { lifetimeMs: 3_600_000, name: 'many' })
}

async function idsOf(
  db: Database,
  table: typeof sessionsTable | typeof tokensTable,
  userId: number,
): Promise<number[]> {
  const rows = await db
    .select({ id: table.id })
    .from(table)
    .where(eq(table.userId, userId))
    .orderBy(desc(table.id))
  return rows.map(({ id }) => id)
}
