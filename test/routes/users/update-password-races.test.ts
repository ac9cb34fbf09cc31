import { type TestContext, test } from 'node:test'
import { eq, sql } from 'drizzle-orm'
import { sessions, users } from '../../../db/schema.ts'
import { changeMeanwhile } from '../../support/database/blocked-change.ts'
import { createDatabase } from '../../support/database/database.ts'
import { makeUser, signIn, storedUser } from '../../support/http/accounts.ts'
import { build } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'
import { putPassword } from '../../support/http/put-password.ts'

const DATABASE_URL = await createDatabase()
const NEW_PASSWORD = 'a new and better one'

test('a password change whose session ends meanwhile is refused and changes nothing', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const response = await changeMeanwhile(
    app,
    account.id,
    () => putPassword(app, account.id, cookie, { password: NEW_PASSWORD }),
    (tx) => tx.delete(sessions).where(eq(sessions.userId, account.id)),
  )
  assertError(t, response, 401, 'UNAUTHENTICATED')
  t.assert.strictEqual((await storedUser(app, account.id))?.passwordHash, account.passwordHash)
})

test('a password change by an admin who is demoted meanwhile is refused and changes nothing', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const admin = await makeUser(app, 'admin')
  const cookie = await signIn(app, admin)
  const account = await makeUser(app)
  const response = await changeMeanwhile(
    app,
    admin.id,
    () => putPassword(app, account.id, cookie, { password: NEW_PASSWORD }),
    (tx) => tx.update(users).set({ role: 'user' }).where(eq(users.id, admin.id)),
  )
  assertError(t, response, 401, 'NOT_PERMITTED')
  t.assert.strictEqual((await storedUser(app, account.id))?.passwordHash, account.passwordHash)
})

test('a password change of an account that is deleted meanwhile returns a 404', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookie = await signIn(app, await makeUser(app, 'admin'))
  const { id } = await makeUser(app)
  const response = await changeMeanwhile(
    app,
    id,
    () => putPassword(app, id, cookie, { password: NEW_PASSWORD }),
    (tx) => tx.delete(users).where(eq(users.id, id)),
  )
  assertError(t, response, 404, 'USER_NOT_FOUND')
})

test('a password change whose current password is replaced meanwhile is refused', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const { passwordHash } = await makeUser(app)
  const cookie = await signIn(app, account)
  const body = { password: NEW_PASSWORD, currentPassword: account.password }
  const response = await changeMeanwhile(
    app,
    account.id,
    () => putPassword(app, account.id, cookie, body),
    (tx) =>
      tx
        .update(users)
        .set({ passwordHash, version: sql`version + 1` })
        .where(eq(users.id, account.id)),
  )
  assertError(t, response, 400, 'WRONG_CURRENT_PASSWORD', ['body.currentPassword'])
  t.assert.strictEqual((await storedUser(app, account.id))?.passwordHash, passwordHash)
})
