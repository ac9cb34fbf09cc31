import { type TestContext, test } from 'node:test'
import { and, eq } from 'drizzle-orm'
import { events, users } from '../../../db/schema.ts'
import vectors from '../../plugins/passwords/werkzeug-vectors.json' with { type: 'json' }
import { createDatabase } from '../../support/database/database.ts'
import {
  type Account,
  cookieOf,
  makeUser,
  signIn,
  storedUser,
} from '../../support/http/accounts.ts'
import { type App, build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'

const DATABASE_URL = await createDatabase()
const COST = 5

for (const method of ['scrypt:1024:8:1', 'pbkdf2:sha256:1200', 'pbkdf2:sha512:2500']) {
  test(`an imported ${method} hash is renewed as bcrypt at the first successful login only, for the same password`, async (t: TestContext) => {
    const { app, keepSecret } = await build(t, { DATABASE_URL, BCRYPT_COST: COST })
    const account = await importUser(app, vectorOf(method, isShort))
    keepSecret(account.passwordHash)
    const wrong = { ...account, password: `${account.password}x` }
    assertError(t, await logIn(app, wrong), 400, 'INVALID_CREDENTIALS')
    const before = await storedUser(app, account.id)
    t.assert.strictEqual(before?.passwordHash, account.passwordHash)

    const login = await logIn(app, account)
    t.assert.strictEqual(login.statusCode, 200, login.body)
    const renewed = await storedUser(app, account.id)
    t.assert.match(renewed?.passwordHash ?? '', /^\$2b\$05\$.{53}$/)
    t.assert.strictEqual(renewed?.version, before.version)
    const me = await send(app, 'GET', '/me', { cookie: cookieOf(login) })
    t.assert.strictEqual(me.json().id, account.id)
    t.assert.strictEqual((await logIn(app, account)).statusCode, 200)
    assertError(t, await logIn(app, wrong), 400, 'INVALID_CREDENTIALS')
    t.assert.deepStrictEqual(await storedUser(app, account.id), renewed)
  })
}

test('an imported hash of a decomposed password matches it as sent, and in both forms after that login', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, BCRYPT_COST: COST })
  const vector = vectorOf('scrypt:1024:8:1', (password) => password !== password.normalize())
  const account = await importUser(app, vector)
  const composed = { ...account, password: account.password.normalize() }
  assertError(t, await logIn(app, composed), 400, 'INVALID_CREDENTIALS')
  for (const form of [account, composed, account]) {
    t.assert.strictEqual((await logIn(app, form)).statusCode, 200)
  }
  t.assert.match((await storedUser(app, account.id))?.passwordHash ?? '', /^\$2b\$05\$/)
})

test('an imported hash of a password that bcrypt cannot hash is kept, and each of its logins succeeds', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, BCRYPT_COST: COST })
  for (const isSuch of [
    (password: string) => Buffer.byteLength(password) > 72,
    (password: string) => password.includes('\0'),
  ]) {
    const account = await importUser(app, vectorOf('scrypt:1024:8:1', isSuch))
    for (let times = 0; times < 2; times++) {
      t.assert.strictEqual((await logIn(app, account)).statusCode, 200)
    }
    const cut = { ...account, password: account.password.slice(0, 10) }
    assertError(t, await logIn(app, cut), 400, 'INVALID_CREDENTIALS')
    const { passwordHash } = (await storedUser(app, account.id)) ?? {}
    t.assert.strictEqual(passwordHash, account.passwordHash)
  }
})

test('an account with an imported hash of a long password can change it with the current password', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, BCRYPT_COST: COST })
  const isLong = (password: string) => Buffer.byteLength(password) > 72
  const account = await importUser(app, vectorOf('pbkdf2:sha256:1200', isLong))
  const cookie = await signIn(app, account)
  const changed = { ...account, password: 'a new and shorter one' }
  const body = { currentPassword: account.password, password: changed.password }
  const url = `/user/update-password/${account.id}`
  t.assert.strictEqual((await send(app, 'PUT', url, { cookie, body })).statusCode, 200)
  assertError(t, await logIn(app, account), 400, 'INVALID_CREDENTIALS')
  t.assert.strictEqual((await logIn(app, changed)).statusCode, 200)
  const isChange = and(eq(events.userId, account.id), eq(events.type, 'password_changed'))
  t.assert.strictEqual(await app.db.$count(events, isChange), 1)
})

test('a stored hash beyond the limits is not computed: its login is refused like any other', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, BCRYPT_COST: COST })
  const { hash, password } = vectorOf('scrypt:1024:8:1', isShort)
  const digest = hash.slice(hash.lastIndexOf('$'))
  for (const passwordHash of [
    `scrypt:4294967296:8:1$salt${digest}`, // 4 TiB
    `scrypt:1024:8:134217727$salt${digest}`, // days
    `pbkdf2:sha512:999999999999$salt${digest}`,
    hash.slice(0, 80),
    hash.replace('scrypt:', 'yescrypt:'),
  ]) {
    const account = await importUser(app, { hash: passwordHash, password })
    assertError(t, await logIn(app, account), 400, 'INVALID_CREDENTIALS')
    t.assert.strictEqual((await storedUser(app, account.id))?.passwordHash, passwordHash)
  }
})

interface Vector {
  hash: string
  password: string
}

function vectorOf(method: string, isSuch: (password: string) => boolean): Vector {
  const found = vectors.find(
    ({ hash, password }) => hash.startsWith(`${method}$`) && isSuch(password),
  )
  if (!found) throw new Error(`no vector of ${method}`)
  return found
}

function isShort(password: string): boolean {
  return /^[a-z ]{1,72}$/.test(password)
}

async function importUser(app: App, { hash: passwordHash, password }: Vector): Promise<Account> {
  const account = await makeUser(app)
  await app.db.update(users).set({ passwordHash }).where(eq(users.id, account.id))
  return { ...account, password, passwordHash }
}

function logIn(app: App, { username, password }: Account) {
  return send(app, 'POST', '/login', { body: { username, password } })
}
