import { type TestContext, test } from 'node:test'
import { eq } from 'drizzle-orm'
import { type Queryable, transaction } from '../../../db/client.ts'
import {
  changePassword,
  createUser,
  deleteUser,
  findCredential,
  findCredentialById,
  findUser,
  renewHash,
} from '../../../db/queries/users.ts'
import { sessions, users } from '../../../db/schema.ts'
import { createDatabase } from '../../support/database.ts'
import { changeTo, makeActor, makeDatabaseUser } from '../../support/database-users.ts'
import { open } from '../../support/open.ts'

const DATABASE_URL = await createDatabase()
const BY = { origin: {} }

test('an account is found by its id, and by its name in any case, as it was registered', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const role = 'admin'
  const made = await createUser(db, BY, { username: 'ZoE', passwordHash: 'h', role })
  t.assert.ok(typeof made === 'object')
  const keys = ['createdAt', 'id', 'role', 'username', 'version']
  t.assert.deepStrictEqual(Object.keys(made).sort(), keys)
  t.assert.strictEqual(made.username, 'ZoE')
  t.assert.deepStrictEqual(await findUser(db, made.id), made)
  const credential = { ...made, passwordHash: 'h', disabled: false }
  t.assert.deepStrictEqual(await findCredentialById(db, made.id), credential)
  for (const name of ['zoe', 'ZOE', 'ZoE']) {
    t.assert.deepStrictEqual(await findCredential(db, name), credential)
  }
  for (const name of ['zo', 'zoe.', '', 'z%', 'z_e']) {
    t.assert.strictEqual(await findCredential(db, name), undefined)
  }
  const taken = { username: 'zOe', passwordHash: 'other', role } as const
  t.assert.strictEqual(await createUser(db, BY, taken), 'taken')
  t.assert.deepStrictEqual(await findCredential(db, 'zoe'), credential)
})

test('an account, with too long a name or hash, is refused and not cut', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const good = { username: 'n'.repeat(80), passwordHash: 'h'.repeat(60), role: 'user' } as const
  await t.assert.rejects(createUser(db, BY, { ...good, username: 'n'.repeat(81) }))
  await t.assert.rejects(createUser(db, BY, { ...good, passwordHash: 'h'.repeat(61) }))
  t.assert.strictEqual(await findCredential(db, good.username), undefined)
  t.assert.strictEqual(typeof (await createUser(db, BY, good)), 'object')
})

test('a hash is renewed while it is the one that was checked, and not after', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const { id, passwordHash } = await makeDatabaseUser(db)
  t.assert.strictEqual(await renewHash(db, id, { old: 'another', renewed: 'x' }), false)
  t.assert.strictEqual((await findCredentialById(db, id))?.passwordHash, passwordHash)
  const attempts = ['one', 'two'].map((renewed) =>
    renewHash(db, id, { old: passwordHash, renewed }),
  )
  t.assert.deepStrictEqual((await Promise.all(attempts)).sort(), [false, true])
})

test('line 6: a password change, of an actor who lost the right meanwhile, changes nothing', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const losses: Record<string, (tx: Queryable, id: number) => Promise<unknown>> = {
    'their session ended': (tx, id) => tx.delete(sessions).where(eq(sessions.userId, id)),
    'they were disabled': (tx, id) =>
      tx.update(users).set({ disabled: true }).where(eq(users.id, id)),
    'they were demoted': (tx, id) => tx.update(users).set({ role: 'user' }).where(eq(users.id, id)),
    'they were deleted': (tx, id) => tx.delete(users).where(eq(users.id, id)),
  }
  for (const [circumstance, lose] of Object.entries(losses)) {
    const user = await makeDatabaseUser(db)
    const { credential: session } = await makeActor(db, user)
    const admin = await makeActor(db, await makeDatabaseUser(db, 'admin'))
    // The right is taken while the change waits for the row, as it would while a password is hashed.
    const changing = await transaction(db, async (tx) => {
      await tx.select().from(users).where(eq(users.id, user.id)).for('update')
      const pending = changePassword(db, changeTo(user.id, admin), { passwordHash: 'other' })
      await lose(tx, admin.id)
      return { pending }
    })
    const expected = circumstance === 'they were demoted' ? 'not-permitted' : 'actor-gone'
    t.assert.strictEqual(await changing.pending, expected, circumstance)
    t.assert.strictEqual((await findCredentialById(db, user.id))?.passwordHash, user.passwordHash)
    const left = await db.select().from(sessions).where(eq(sessions.userId, user.id))
    t.assert.deepStrictEqual(
      left.map(({ id }) => id),
      [session.id],
    )
  }
})

test('a password change, of two at once with the same current password, is done for one', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const user = await makeDatabaseUser(db)
  const actor = await makeActor(db, user)
  const attempts = ['one', 'two'].map((passwordHash) =>
    changePassword(db, changeTo(user.id, actor), { passwordHash, expectedHash: user.passwordHash }),
  )
  t.assert.deepStrictEqual((await Promise.all(attempts)).sort(), ['done', 'password-changed'])
})

test('deletion, of each other by two admins at once, is done for exactly one, each time', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  for (let round = 0; round < 10; round++) {
    const first = await makeActor(db, await makeDatabaseUser(db, 'admin'))
    const second = await makeActor(db, await makeDatabaseUser(db, 'admin'))
    const outcomes = await Promise.all([
      deleteUser(db, changeTo(second.id, first)),
      deleteUser(db, changeTo(first.id, second)),
    ])
    t.assert.deepStrictEqual(outcomes.sort(), ['actor-gone', 'done'])
    const left = [await findUser(db, first.id), await findUser(db, second.id)]
    t.assert.strictEqual(left.filter(Boolean).length, 1)
  }
})

test('deletion, by an actor who is no admin, or whose session ended, is not done', async (t: TestContext) => {
  const db = open(t, DATABASE_URL)
  const user = await makeDatabaseUser(db)
  const other = await makeActor(db, await makeDatabaseUser(db))
  t.assert.strictEqual(await deleteUser(db, changeTo(user.id, other)), 'not-permitted')
  const admin = await makeActor(db, await makeDatabaseUser(db, 'admin'))
  await db.delete(sessions).where(eq(sessions.userId, admin.id))
  t.assert.strictEqual(await deleteUser(db, changeTo(user.id, admin)), 'actor-gone')
  t.assert.strictEqual((await findUser(db, user.id))?.id, user.id)
})
