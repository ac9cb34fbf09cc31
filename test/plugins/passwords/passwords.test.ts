import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { hash } from '@node-rs/bcrypt'
import { createPasswords } from '../../../plugins/passwords/passwords.ts'
import { createDatabase } from '../../support/database/database.ts'
import { cookieOf, countRows, makeUser, signIn, storedUser } from '../../support/http/accounts.ts'
import { type App, build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'

const DATABASE_URL = await createDatabase()

test('a password of 64 ASCII characters, or of one kind of characters only, is accepted', async (t: TestContext) => {
  const { app, keepSecret } = await build(t, { DATABASE_URL })
  for (const password of [
    'x'.repeat(64),
    'é'.repeat(36),
    'zqxjkvbp',
    '70361948',
    '        ',
    '\u{1F600}'.repeat(8),
    'mixed Case 1!',
  ]) {
    if (password.trim().length > 8) keepSecret(password)
    const username = `u-${randomUUID()}`
    const created = await send(app, 'POST', '/user', { body: { username, password } })
    t.assert.strictEqual(created.statusCode, 200, created.body)
    const login = await send(app, 'POST', '/login', { body: { username, password } })
    t.assert.strictEqual(login.statusCode, 200, login.body)
  }
})

test('a refused password gets the reason, and no account is created or changed', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const before = await countRows(app)
  const own = account.username.slice(0, 30)
  for (const [password, reason] of [
    ['short 7', 'is shorter than 8 characters'],
    ['\u{1F600}'.repeat(7), 'is shorter than 8 characters'],
    ['x'.repeat(73), 'is longer than 72 bytes in UTF-8'],
    ['é'.repeat(37), 'is longer than 72 bytes in UTF-8'],
    ['nul \0 in it', 'contains a NUL or half of a surrogate pair'],
    ['half \ud83d of it', 'contains a NUL or half of a surrogate pair'],
    ['password', 'is one of the most common passwords'],
    ['PassWord', 'is one of the most common passwords'],
    ['iloveyou', 'is one of the most common passwords'],
    ['12345678', 'is one of the most common passwords'],
  ] as const) {
    for (const response of [
      await send(app, 'POST', '/user', { body: { username: own, password } }),
      await change(app, cookie, account.id, password),
    ]) {
      assertError(t, response, 400, 'PASSWORD_REFUSED', ['body.password'])
      t.assert.strictEqual(response.json().message, `The password ${reason}.`)
    }
  }
  t.assert.deepStrictEqual(await countRows(app), before)
  t.assert.strictEqual((await storedUser(app, account.id))?.passwordHash, account.passwordHash)
})

test('a password that equals the username, in any case, is refused', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const username = `New-${randomUUID()}`
  for (const response of [
    await send(app, 'POST', '/user', { body: { username, password: username.toUpperCase() } }),
    await change(app, cookie, account.id, account.username.toUpperCase()),
  ]) {
    assertError(t, response, 400, 'PASSWORD_REFUSED', ['body.password'])
    t.assert.strictEqual(response.json().message, 'The password is the username.')
  }
})

test('a password of 14 characters is refused if the minimum length is 15', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, PASSWORD_MIN_LENGTH: 15 })
  const username = `u-${randomUUID()}`
  const short = await send(app, 'POST', '/user', { body: { username, password: 'fourteen chars' } })
  t.assert.strictEqual(short.json().message, 'The password is shorter than 15 characters.')
  const enough = { username, password: 'fifteen letters' }
  t.assert.strictEqual((await send(app, 'POST', '/user', { body: enough })).statusCode, 200)
})

test('a password of 72 bytes is compared to the last byte, and a longer one with the same start is refused', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const username = `u-${randomUUID()}`
  const password = 'y'.repeat(72)
  const created = await send(app, 'POST', '/user', { body: { username, password } })
  t.assert.strictEqual(created.statusCode, 200)
  for (const other of [
    `${password}y`,
    `${'y'.repeat(71)}z`,
    `${password}\0`,
    `${password}\ud800`,
  ]) {
    const response = await send(app, 'POST', '/login', { body: { username, password: other } })
    assertError(t, response, 400, 'INVALID_CREDENTIALS')
  }
})

test('a hash of a lower cost is renewed at the next successful login only', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, BCRYPT_COST: 5 })
  const { id, username, password, passwordHash } = await makeUser(app, 'user', 4)
  await send(app, 'POST', '/login', { body: { username, password: 'wrong password' } })
  t.assert.strictEqual((await storedUser(app, id))?.passwordHash, passwordHash)

  const login = await send(app, 'POST', '/login', { body: { username, password } })
  t.assert.strictEqual(login.statusCode, 200)
  const renewed = (await storedUser(app, id))?.passwordHash ?? ''
  t.assert.match(renewed, /^\$2b\$05\$/)
  const cookie = cookieOf(login)
  t.assert.strictEqual((await send(app, 'GET', '/me', { cookie })).statusCode, 200)
  await send(app, 'POST', '/login', { body: { username, password } })
  t.assert.strictEqual((await storedUser(app, id))?.passwordHash, renewed)
})

test('a hash of a higher cost is kept', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { id, username, password, passwordHash } = await makeUser(app, 'user', 6)
  const login = await send(app, 'POST', '/login', { body: { username, password } })
  t.assert.strictEqual(login.statusCode, 200)
  t.assert.strictEqual((await storedUser(app, id))?.passwordHash, passwordHash)
})

test('a new database has no accounts', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL: await createDatabase() })
  t.assert.deepStrictEqual(await countRows(app), { users: 0, sessions: 0 })
  for (const username of ['admin', 'root', 'user', 'test', 'gatehouse']) {
    for (const password of ['admin', 'password', 'root', '']) {
      const response = await send(app, 'POST', '/login', { body: { username, password } })
      assertError(t, response, 400, 'INVALID_CREDENTIALS')
    }
  }
})

test('a hash of another algorithm, a damaged one or one of too high a cost matches no password, in no more time', async (t: TestContext) => {
  const passwords = await createPasswords({
    cost: 4,
    minLength: 8,
    queue: { concurrency: 1, maxWaiting: 0 },
  })
  const own = await hash('right', { cost: 4 })
  const right = { ok: true, isOutdated: false }
  t.assert.deepStrictEqual(await passwords.verify('right', own), right)
  t.assert.deepStrictEqual(await passwords.verify('right', own.replace('$2b$', '$2a$')), right)
  const begun = performance.now()
  for (const stored of [
    '',
    'right',
    '$argon2id$v=19$m=1',
    own.slice(0, -1),
    own.replace('$04$', '$31$'),
  ]) {
    t.assert.deepStrictEqual(await passwords.verify('right', stored), { ok: false }, stored)
  }
  t.assert.deepStrictEqual(await passwords.verify('', undefined), { ok: false })
  t.assert.ok(performance.now() - begun < 1_000)
})

function change(app: App, cookie: string, id: number, password: string) {
  return send(app, 'PUT', `/user/update-password/${id}`, { cookie, body: { password } })
}
