import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { eq, sql } from 'drizzle-orm'
import { hexDigest } from '../../../db/digest.ts'
import { Lookups } from '../../../db/lookups/lookups.ts'
import type { Wanted } from '../../../db/lookups/statements.ts'
import * as sessions from '../../../db/queries/sessions.ts'
import * as tokens from '../../../db/queries/tokens.ts'
import * as users from '../../../db/queries/users.ts'
import { sessions as sessionsTable, tokens as tokensTable } from '../../../db/schema.ts'
import { createDatabase } from '../../support/database/database.ts'
import {
  changeTo,
  LIMITS,
  makeActor,
  makeDatabaseUser,
  newSession,
} from '../../support/database/database-users.ts'
import { open } from '../../support/database/open.ts'
import { statementsDuring } from '../../support/database/statements.ts'

const DATABASE_URL = await createDatabase()

test('lookups of a session, a token and an account in one turn of the event loop are one query', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const lookups = new Lookups(db, LIMITS)
  const user = await makeDatabaseUser(db, 'admin')
  const secretId = randomUUID()
  await sessions.open(db, secretId, LIMITS, newSession(user))
  const secret = randomUUID()
  const actor = await makeActor(db, user)
  await tokens.create(db, changeTo(user.id, actor), { secret, name: 'job' }, { maxTokens: 100 })

  const { result, statements } = await statementsDuring(() =>
    Promise.all([
      lookups.find({ session: hexDigest(secretId), userId: user.id }),
      lookups.find({ token: hexDigest(secret) }),
      lookups.find({ session: hexDigest(randomUUID()) }),
      lookups.find({ token: hexDigest(randomUUID()), userId: Number.MAX_SAFE_INTEGER }),
    ]),
  )
  t.assert.strictEqual(statements.length, 1, statements.join('\n'))
  const [bySession, byToken, ...nobody] = result
  const { id, username, role } = user
  const expected = {
    id,
    username,
    role,
    version: 1,
    createdAt: (await users.find(db, id))?.createdAt,
  }
  t.assert.deepStrictEqual(bySession?.user, expected)
  t.assert.strictEqual(byToken?.user, null)
  t.assert.strictEqual(bySession?.actor?.credential.kind, 'session')
  t.assert.strictEqual(byToken?.actor?.credential.kind, 'token')
  for (const { credential, ...who } of [bySession.actor, byToken.actor]) {
    t.assert.deepStrictEqual(who, expected)
    t.assert.strictEqual(credential.isStale, credential.kind === 'token') // never used yet
  }
  t.assert.deepStrictEqual(nobody, [
    { actor: undefined, user: null },
    { actor: undefined, user: undefined },
  ])
})

test('a lookup that is alone finds the same as one among others', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const lookups = new Lookups(db, LIMITS)
  const [user, other] = [await makeDatabaseUser(db, 'admin'), await makeDatabaseUser(db)]
  const [secretId, secret] = [randomUUID(), randomUUID()]
  await sessions.open(db, secretId, LIMITS, newSession(user))
  const actor = await makeActor(db, user)
  await tokens.create(db, changeTo(user.id, actor), { secret, name: 'job' }, { maxTokens: 100 })
  const all: Wanted[] = [hexDigest(secretId), hexDigest(randomUUID())].flatMap((session) => [
    { session },
    { session, userId: user.id },
    { session, userId: other.id },
    { session, userId: Number.MAX_SAFE_INTEGER },
  ])
  all.push({ token: hexDigest(secret) }, { token: hexDigest(secret), userId: other.id })
  all.push({ userId: other.id }, { userId: Number.MAX_SAFE_INTEGER })

  const together = await Promise.all(all.map((wanted) => lookups.find(wanted)))
  t.assert.strictEqual(together.filter((found) => found.actor).length, 6)
  for (const [index, wanted] of all.entries()) {
    const alone = await lookups.find(wanted)
    // Without a caller there is no response, so a join need not find the account.
    const expected = together[index]
    if (wanted.session && !expected?.actor) t.assert.strictEqual(alone.actor, undefined)
    else t.assert.deepStrictEqual(alone, expected, JSON.stringify(wanted))
  }
})

test('concurrent lookups of many accounts find each of them, with timestamps to the millisecond', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const lookups = new Lookups(db, LIMITS)
  const made = await Promise.all(Array.from({ length: 40 }, () => makeDatabaseUser(db)))
  const found = await Promise.all(made.map(({ id }) => lookups.find({ userId: id })))
  for (const [index, user] of made.entries()) {
    t.assert.deepStrictEqual(found[index]?.user, await users.find(db, user.id))
  }
})

test('lookups report whether the use of a session or token has to be stored', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const lookups = new Lookups(db, LIMITS)
  const user = await makeDatabaseUser(db)
  const secretId = randomUUID()
  await sessions.open(db, secretId, LIMITS, newSession(user))
  const digest = hexDigest(secretId)
  t.assert.strictEqual((await lookups.find({ session: digest })).actor?.credential.isStale, false)
  await db
    .update(sessionsTable)
    .set({ lastSeenAt: sql`CURRENT_TIMESTAMP(3) - INTERVAL 61 SECOND` })
    .where(eq(sessionsTable.userId, user.id))
  t.assert.strictEqual((await lookups.find({ session: digest })).actor?.credential.isStale, true)

  const secret = randomUUID()
  const actor = await makeActor(db, user)
  await tokens.create(db, changeTo(user.id, actor), { secret, name: 'job' }, { maxTokens: 100 })
  await db
    .update(tokensTable)
    .set({ lastUsedAt: sql`CURRENT_TIMESTAMP(3)` })
    .where(eq(tokensTable.userId, user.id))
  t.assert.strictEqual(
    (await lookups.find({ token: hexDigest(secret) })).actor?.credential.isStale,
    false,
  )
})

test('lookups return the current role and state of an account', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const lookups = new Lookups(db, LIMITS)
  const admin = await makeActor(db, await makeDatabaseUser(db, 'admin'))
  const user = await makeDatabaseUser(db)
  const secretId = randomUUID()
  await sessions.open(db, secretId, LIMITS, newSession(user))
  const digest = hexDigest(secretId)
  t.assert.strictEqual((await lookups.find({ session: digest })).actor?.role, 'user')
  await users.update(db, changeTo(user.id, admin), { role: 'admin' })
  t.assert.strictEqual((await lookups.find({ session: digest })).actor?.role, 'admin')
  await users.update(db, changeTo(user.id, admin), { disabled: true })
  t.assert.strictEqual((await lookups.find({ session: digest })).actor, undefined)
  t.assert.strictEqual((await lookups.find({ userId: user.id })).user?.id, user.id)
})
