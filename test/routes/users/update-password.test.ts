import { type TestContext, test } from 'node:test'
import { createDatabase } from '../../support/database/database.ts'
import { makeUser, signIn, storedSessions, storedUser } from '../../support/http/accounts.ts'
import { build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'
import { putPassword } from '../../support/http/put-password.ts'

const DATABASE_URL = await createDatabase()
const NOBODY = Number.MAX_SAFE_INTEGER
const NEW_PASSWORD = 'a new and better one'

test('a password change by the owner replaces the hash and ends all other sessions', async (t: TestContext) => {
  const { app, keepSecret } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const { id, username } = account
  keepSecret(NEW_PASSWORD)
  const others = [await signIn(app, account), await signIn(app, account)]
  const known = await storedSessions(app, id)
  const cookie = await signIn(app, account)

  const response = await putPassword(app, id, cookie, { password: NEW_PASSWORD })

  t.assert.strictEqual(response.statusCode, 200)
  t.assert.deepStrictEqual(response.json(), { message: 'Password changed.' })
  const row = await storedUser(app, id)
  t.assert.match(row?.passwordHash ?? '', /^\$2b\$04\$/)
  t.assert.notStrictEqual(row?.passwordHash, account.passwordHash)
  const left = await storedSessions(app, id)
  t.assert.strictEqual(left.length, 1)
  t.assert.ok(!known.includes(left[0] ?? 0))
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie })).statusCode, 200)
  for (const other of others) {
    assertError(t, await send(app, 'GET', '/me', { cookie: other }), 401, 'UNAUTHENTICATED')
  }

  const old = await send(app, 'POST', '/login', { body: { username, password: account.password } })
  assertError(t, old, 400, 'INVALID_CREDENTIALS')
  const login = await send(app, 'POST', '/login', { body: { username, password: NEW_PASSWORD } })
  t.assert.strictEqual(login.statusCode, 200)
})

test('a password change by an admin ends all sessions of the user and none of the admin', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const admin = await makeUser(app, 'admin')
  const cookie = await signIn(app, admin)
  await signIn(app, admin)
  const account = await makeUser(app)
  await signIn(app, account)
  const response = await putPassword(app, account.id, cookie, { password: NEW_PASSWORD })
  t.assert.strictEqual(response.statusCode, 200)
  t.assert.deepStrictEqual(await storedSessions(app, account.id), [])
  t.assert.strictEqual((await storedSessions(app, admin.id)).length, 2)
  t.assert.strictEqual((await storedUser(app, admin.id))?.passwordHash, admin.passwordHash)
  const login = { username: account.username, password: NEW_PASSWORD }
  t.assert.strictEqual((await send(app, 'POST', '/login', { body: login })).statusCode, 200)
})

test('a password change with the right current password succeeds', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const body = { password: NEW_PASSWORD, currentPassword: account.password }
  const response = await putPassword(app, account.id, cookie, body)
  t.assert.strictEqual(response.statusCode, 200)
  t.assert.notStrictEqual((await storedUser(app, account.id))?.passwordHash, account.passwordHash)
})

test('a password change with a wrong current password is refused and ends no session', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  await signIn(app, account)
  const before = await storedUser(app, account.id)
  for (const currentPassword of ['', 'wrong', NEW_PASSWORD, `${account.password}\0`]) {
    const body = { password: NEW_PASSWORD, currentPassword }
    const response = await putPassword(app, account.id, cookie, body)
    assertError(t, response, 400, 'WRONG_CURRENT_PASSWORD', ['body.currentPassword'])
  }
  t.assert.deepStrictEqual(await storedUser(app, account.id), before)
  t.assert.strictEqual((await storedSessions(app, account.id)).length, 2)
})

test('a password change by an admin with their own password as the current one is refused', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const admin = await makeUser(app, 'admin')
  const cookie = await signIn(app, admin)
  const account = await makeUser(app)
  const body = { password: NEW_PASSWORD, currentPassword: admin.password }
  const response = await putPassword(app, account.id, cookie, body)
  assertError(t, response, 400, 'WRONG_CURRENT_PASSWORD', ['body.currentPassword'])
  t.assert.strictEqual((await storedUser(app, account.id))?.passwordHash, account.passwordHash)
})

test('a changed password of 72 bytes is compared to its last byte', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const { id, username } = account
  const cookie = await signIn(app, account)
  const password = `${'é'.repeat(35)}ab`
  t.assert.strictEqual((await putPassword(app, id, cookie, { password })).statusCode, 200)
  const almost = { username, password: `${'é'.repeat(35)}ac` }
  assertError(t, await send(app, 'POST', '/login', { body: almost }), 400, 'INVALID_CREDENTIALS')
  const exact = await send(app, 'POST', '/login', { body: { username, password } })
  t.assert.strictEqual(exact.statusCode, 200)
})

test('the minimum length of a password counts characters, not bytes', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, PASSWORD_MIN_LENGTH: 15 })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const refused = await putPassword(app, account.id, cookie, { password: '𝒶'.repeat(14) })
  assertError(t, refused, 400, 'PASSWORD_REFUSED', ['body.password'])
  const taken = await putPassword(app, account.id, cookie, { password: '𝒶'.repeat(15) })
  t.assert.strictEqual(taken.statusCode, 200)
})

test('a password change without a session is refused before any other check', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  for (const id of [account.id, NOBODY, '01']) {
    for (const body of [undefined, [], { password: '' }, { password: NEW_PASSWORD }]) {
      assertError(t, await putPassword(app, id, undefined, body), 401, 'UNAUTHENTICATED')
    }
  }
  t.assert.strictEqual((await storedUser(app, account.id))?.passwordHash, account.passwordHash)
})

test('a password change of another user returns the same response whether that user exists or not', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookie = await signIn(app, await makeUser(app))
  const other = await makeUser(app)
  await signIn(app, other)
  const before = await storedUser(app, other.id)
  const answers = new Set<string>()
  for (const id of [other.id, NOBODY, 'x', '0']) {
    for (const body of [undefined, 'text', { password: '' }, { password: NEW_PASSWORD }]) {
      const response = await putPassword(app, id, cookie, body)
      assertError(t, response, 401, 'NOT_PERMITTED')
      answers.add(response.body)
    }
  }
  t.assert.strictEqual(answers.size, 1)
  t.assert.deepStrictEqual(await storedUser(app, other.id), before)
  t.assert.strictEqual((await storedSessions(app, other.id)).length, 1)
})

test('a password change without a password returns a 403 before the body and the id are checked', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const own = await signIn(app, account)
  const admin = await signIn(app, await makeUser(app, 'admin'))
  const before = await storedUser(app, account.id)
  for (const body of [undefined, {}, { password: '' }, { extra: 1 }, { currentPassword: 1 }]) {
    for (const response of [
      await putPassword(app, account.id, own, body),
      await putPassword(app, account.id, admin, body),
      await putPassword(app, NOBODY, admin, body),
      await putPassword(app, '01', admin, body),
    ]) {
      assertError(t, response, 403, 'PASSWORD_MISSING', ['body.password'])
    }
  }
  t.assert.deepStrictEqual(await storedUser(app, account.id), before)
  t.assert.strictEqual((await storedSessions(app, account.id)).length, 1)
})

test('a refused password returns a 400, also for an unknown account', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookie = await signIn(app, await makeUser(app, 'admin'))
  const refused = await putPassword(app, NOBODY, cookie, { password: 'short' })
  assertError(t, refused, 400, 'PASSWORD_REFUSED', ['body.password'])
  const unknown = await putPassword(app, NOBODY, cookie, { password: NEW_PASSWORD, role: 'admin' })
  assertError(t, unknown, 400, 'VALIDATION_FAILED', ['body.role'])
  const taken = await putPassword(app, NOBODY, cookie, { password: NEW_PASSWORD })
  assertError(t, taken, 404, 'USER_NOT_FOUND')
})

test('a refused password is reported before a wrong current password', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const body = { password: account.username.toUpperCase(), currentPassword: 'wrong' }
  const response = await putPassword(app, account.id, cookie, body)
  assertError(t, response, 400, 'PASSWORD_REFUSED', ['body.password'])
})
