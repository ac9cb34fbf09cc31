import { type TestContext, test } from 'node:test'
import { eq } from 'drizzle-orm'
import type { Queryable } from '../../../db/client.ts'
import { refused } from '../../../db/queries/authority.ts'
import * as users from '../../../db/queries/users.ts'
import { sessions, users as usersTable } from '../../../db/schema.ts'
import { transaction } from '../../../db/transaction.ts'
import { createDatabase } from '../../support/database/database.ts'
import { changeTo, makeActor, makeDatabaseUser } from '../../support/database/database-users.ts'
import { open } from '../../support/database/open.ts'

const DATABASE_URL = await createDatabase()
const BY = { origin: {} }

const NEW_PERSON = { kind: 'person', disabled: false, addressRanges: null }

test('an account is found by its id and, case-insensitively, by its username', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const role = 'admin'
  const created = await users.create(db, BY, { username: 'ZoE', passwordHash: 'h', role })
  t.assert.ok(created.ok)
  const made = created.user
  const { kind, disabled, addressRanges, ...profile } = made
  t.assert.deepStrictEqual({ kind, disabled, addressRanges }, NEW_PERSON)
  const keys = ['createdAt', 'id', 'role', 'username', 'version']
  t.assert.deepStrictEqual(Object.keys(profile).sort(), keys)
  t.assert.strictEqual(made.username, 'ZoE')
  t.assert.deepStrictEqual(await users.find(db, made.id), profile)
  const credential = { ...made, passwordHash: 'h' }
  t.assert.deepStrictEqual(await users.findCredentialById(db, made.id), credential)
  for (const name of ['zoe', 'ZOE', 'ZoE']) {
    t.assert.deepStrictEqual(await users.findCredential(db, name), credential)
  }
  for (const name of ['zo', 'zoe.', '', 'z%', 'z_e']) {
    t.assert.strictEqual(await users.findCredential(db, name), undefined)
  }
  const taken = { username: 'zOe', passwordHash: 'other', role } as const
  t.assert.deepStrictEqual(await users.create(db, BY, taken), refused('username-taken'))
  t.assert.deepStrictEqual(await users.findCredential(db, 'zoe'), credential)
})

test('an account with too long a username or hash is refused, not truncated', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const good = { username: 'n'.repeat(80), passwordHash: 'h'.repeat(255), role: 'user' } as const
  await t.assert.rejects(users.create(db, BY, { ...good, username: 'n'.repeat(81) }))
  await t.assert.rejects(users.create(db, BY, { ...good, passwordHash: 'h'.repeat(256) }))
  t.assert.strictEqual(await users.findCredential(db, good.username), undefined)
  t.assert.ok((await users.create(db, BY, good)).ok)
})

test('a hash is renewed only if it is still the one that was checked', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const { id, passwordHash } = await makeDatabaseUser(db)
  t.assert.strictEqual(await users.renewHash(db, id, { old: 'another', renewed: 'x' }), false)
  t.assert.strictEqual((await users.findCredentialById(db, id))?.passwordHash, passwordHash)
  const attempts = ['one', 'two'].map((renewed) =>
    users.renewHash(db, id, { old: passwordHash, renewed }),
  )
  t.assert.deepStrictEqual((await Promise.all(attempts)).sort(), [false, true])
})

test('a password change by an actor who has lost the permission changes nothing', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const losses: Record<string, (tx: Queryable, id: number) => Promise<unknown>> = {
    'their session ended': (tx, id) => tx.delete(sessions).where(eq(sessions.userId, id)),
    'they were disabled': (tx, id) =>
      tx.update(usersTable).set({ disabled: true }).where(eq(usersTable.id, id)),
    'they were demoted': (tx, id) =>
      tx.update(usersTable).set({ role: 'user' }).where(eq(usersTable.id, id)),
    'they were deleted': (tx, id) => tx.delete(usersTable).where(eq(usersTable.id, id)),
  }
  for (const [circumstance, lose] of Object.entries(losses)) {
    const user = await makeDatabaseUser(db)
    const { credential: session } = await makeActor(db, user)
    const admin = await makeActor(db, await makeDatabaseUser(db, 'admin'))
    // The right is taken while the change waits for the row, as it would while a password is hashed.
    const changing = await transaction(db, async (tx) => {
      await tx.select().from(usersTable).where(eq(usersTable.id, user.id)).for('update')
      const pending = users.changePassword(db, changeTo(user.id, admin), { passwordHash: 'other' })
      await lose(tx, admin.id)
      return { pending }
    })
    const expected = circumstance === 'they were demoted' ? 'not-permitted' : 'actor-gone'
    t.assert.deepStrictEqual(await changing.pending, refused(expected), circumstance)
    t.assert.strictEqual(
      (await users.findCredentialById(db, user.id))?.passwordHash,
      user.passwordHash,
    )
    const left = await db.select().from(sessions).where(eq(sessions.userId, user.id))
    t.assert.deepStrictEqual(
      left.map(({ id }) => id),
      [session.id],
    )
  }
})

test('two concurrent password changes with the same current password succeed once', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const user = await makeDatabaseUser(db)
  const actor = await makeActor(db, user)
  const attempts = ['one', 'two'].map((passwordHash) =>
    users.changePassword(db, changeTo(user.id, actor), {
      passwordHash,
      current: user,
    }),
  )
  const results = await Promise.all(attempts)
  t.assert.strictEqual(results.filter(({ ok }) => ok).length, 1)
  t.assert.deepStrictEqual(
    results.find(({ ok }) => !ok),
    refused('wrong-current-password'),
  )
})

test('two admins who concurrently delete each other succeed exactly once', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  for (let round = 0; round < 10; round++) {
    const first = await makeActor(db, await makeDatabaseUser(db, 'admin'))
    const second = await makeActor(db, await makeDatabaseUser(db, 'admin'))
    const results = await Promise.all([
      users.remove(db, changeTo(second.id, first)),
      users.remove(db, changeTo(first.id, second)),
    ])
    t.assert.strictEqual(results.filter(({ ok }) => ok).length, 1)
    t.assert.deepStrictEqual(
      results.find(({ ok }) => !ok),
      refused('actor-gone'),
    )
    const left = [await users.find(db, first.id), await users.find(db, second.id)]
    t.assert.strictEqual(left.filter(Boolean).length, 1)
  }
})

test('deletion by a user, or with an ended session, is refused', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const user = await makeDatabaseUser(db)
  const other = await makeActor(db, await makeDatabaseUser(db))
  t.assert.deepStrictEqual(
    await users.remove(db, changeTo(user.id, other)),
    refused('not-permitted'),
  )
  const admin = await makeActor(db, await makeDatabaseUser(db, 'admin'))
  await db.delete(sessions).where(eq(sessions.userId, admin.id))
  t.assert.deepStrictEqual(await users.remove(db, changeTo(user.id, admin)), refused('actor-gone'))
  t.assert.strictEqual((await users.find(db, user.id))?.id, user.id)
})
