import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { hash } from '@node-rs/bcrypt'
import { eq } from 'drizzle-orm'
import { users } from '../../../db/schema.ts'
import { createDatabase } from '../../support/database/database.ts'
import { type Account, makeUser, signIn, storedUser } from '../../support/http/accounts.ts'
import { type App, build, send, TEST_COST } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'

const DATABASE_URL = await createDatabase()
const COMPOSED = 'caf\u00e9 am stra\u00dfenbahnh\u00f6f'
const DECOMPOSED = COMPOSED.normalize('NFD')

test('a password that is registered in one Unicode form matches in the other', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  for (const password of [COMPOSED, DECOMPOSED]) {
    const username = `u-${randomUUID()}`
    const created = await send(app, 'POST', '/user', { body: { username, password } })
    t.assert.strictEqual(created.statusCode, 200, created.body)
    const { passwordHash } = (await storedUser(app, created.json().user.id)) ?? {}
    for (const sent of [COMPOSED, DECOMPOSED]) {
      t.assert.strictEqual(await statusOfLogin(app, username, sent), 200)
    }
    t.assert.strictEqual(await statusOfLogin(app, username, COMPOSED.slice(0, -1)), 400)
    t.assert.strictEqual(await statusOfLogin(app, username, DECOMPOSED.slice(0, -1)), 400)
    const after = await storedUser(app, created.json().user.id)
    t.assert.strictEqual(after?.passwordHash, passwordHash, 'a hash of the NFC form is kept')
  }
})

test('an account with a hash of the decomposed form accepts both forms after one login with that form', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { id, username } = await makeUserWith(app, DECOMPOSED)
  t.assert.strictEqual(await statusOfLogin(app, username, COMPOSED), 400)
  t.assert.strictEqual(await statusOfLogin(app, username, DECOMPOSED), 200)
  const { passwordHash, version } = (await storedUser(app, id)) ?? {}
  for (const sent of [COMPOSED, DECOMPOSED]) {
    t.assert.strictEqual(await statusOfLogin(app, username, sent), 200)
  }
  const after = await storedUser(app, id)
  t.assert.strictEqual(after?.passwordHash, passwordHash, 'the hash is renewed once')
  t.assert.strictEqual(after?.version, version)
})

test('a hash of a password that is longer than 72 bytes in NFC is kept, and its login succeeds', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const password = '\u0958'.repeat(24) // 72 bytes, and 144 in NFC
  const { id, username, passwordHash } = await makeUserWith(app, password)
  for (let times = 0; times < 2; times++) {
    t.assert.strictEqual(await statusOfLogin(app, username, password), 200)
  }
  t.assert.strictEqual((await storedUser(app, id))?.passwordHash, passwordHash)
})

test('a current password matches in either Unicode form, and the new password in both', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  for (const stored of [COMPOSED, DECOMPOSED]) {
    const account = await makeUserWith(app, stored)
    const cookie = await signIn(app, account)
    const change = (currentPassword: string, password: string) => {
      const body = { currentPassword, password }
      return send(app, 'PUT', `/user/update-password/${account.id}`, { cookie, body })
    }
    const next = `${DECOMPOSED}!`
    assertError(t, await change(`${DECOMPOSED}?`, next), 400, 'WRONG_CURRENT_PASSWORD', [
      'body.currentPassword',
    ])
    t.assert.strictEqual((await change(DECOMPOSED, next)).statusCode, 200)
    for (const sent of [next, next.normalize()]) {
      t.assert.strictEqual(await statusOfLogin(app, account.username, sent), 200)
    }
  }
})

test('the length of a new password counts in NFC', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const register = (password: string) =>
    send(app, 'POST', '/user', { body: { username: `u-${randomUUID()}`, password } })
  for (const password of ['e\u0301'.repeat(7), '\u0344'.repeat(19)]) {
    assertError(t, await register(password), 400, 'PASSWORD_REFUSED', ['body.password'])
  }
  for (const password of ['e\u0301'.repeat(8), 'e\u0301'.repeat(36), '\u0344'.repeat(18)]) {
    const { statusCode, body } = await register(password)
    t.assert.strictEqual(statusCode, 200, body)
  }
})

async function makeUserWith(app: App, password: string): Promise<Account> {
  const account = await makeUser(app)
  const passwordHash = await hash(password, { cost: TEST_COST })
  await app.db.update(users).set({ passwordHash }).where(eq(users.id, account.id))
  return { ...account, password, passwordHash }
}

async function statusOfLogin(app: App, username: string, password: string): Promise<number> {
  return (await send(app, 'POST', '/login', { body: { username, password } })).statusCode
}
