import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { eq } from 'drizzle-orm'
import { users } from '../../../db/schema.ts'
import { createDatabase } from '../../support/database/database.ts'
import { countRows, makeUser, signIn, storedUser } from '../../support/http/accounts.ts'
import { build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'

const DATABASE_URL = await createDatabase()
const PASSWORD = 'correct horse battery'

const newName = () => `New.${randomUUID()}`

test('registration stores a user with a hash and opens no session', async (t: TestContext) => {
  const { app, keepSecret } = await build(t, { DATABASE_URL })
  keepSecret(PASSWORD)
  const username = newName()
  const before = await countRows(app)

  const response = await send(app, 'POST', '/user', { body: { username, password: PASSWORD } })

  t.assert.strictEqual(response.statusCode, 200)
  t.assert.strictEqual(response.headers['set-cookie'], undefined)
  const { message, user } = response.json()
  const row = await storedUser(app, user.id)
  t.assert.strictEqual(message, 'User created.')
  t.assert.deepStrictEqual(user, {
    id: row?.id,
    username,
    role: 'user',
    createdAt: row?.createdAt,
  })
  t.assert.strictEqual(row?.username, username)
  t.assert.strictEqual(row.usernameKey, username.toLowerCase())
  t.assert.strictEqual(row.role, 'user')
  t.assert.strictEqual(row.disabled, false)
  t.assert.match(row.passwordHash, /^\$2b\$04\$.{53}$/)
  t.assert.ok(Math.abs(Date.parse(row.createdAt) - Date.now()) < 60_000, 'the time is UTC')
  keepSecret(row.passwordHash)
  t.assert.deepStrictEqual(await countRows(app), { ...before, users: before.users + 1 })
  const login = await send(app, 'POST', '/login', { body: { username, password: PASSWORD } })
  t.assert.deepStrictEqual(login.json().user, user)
})

test('registration of a username that is taken, in any case, is refused and keeps the first account', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const before = await storedUser(app, account.id)
  const count = await countRows(app)
  for (const username of [account.username, account.username.toUpperCase()]) {
    const response = await send(app, 'POST', '/user', { body: { username, password: PASSWORD } })
    assertError(t, response, 400, 'USERNAME_TAKEN', ['body.username'])
  }
  t.assert.deepStrictEqual(await storedUser(app, account.id), before)
  t.assert.deepStrictEqual(await countRows(app), count)
})

test('20 concurrent registrations of one username in different cases create one account', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const name = newName()
  const variants = Array.from({ length: 20 }, (_, n) => (n % 2 ? name.toUpperCase() : name))
  const answers = await Promise.all(
    variants.map((username) =>
      send(app, 'POST', '/user', { body: { username, password: PASSWORD } }),
    ),
  )
  const made = answers.filter(({ statusCode }) => statusCode === 200)
  t.assert.strictEqual(made.length, 1)
  for (const answer of answers) {
    if (answer !== made[0]) assertError(t, answer, 400, 'USERNAME_TAKEN', ['body.username'])
  }
  const rows = await app.db.select().from(users).where(eq(users.usernameKey, name.toLowerCase()))
  t.assert.deepStrictEqual(
    rows.map(({ username }) => username),
    [made[0]?.json().user.username],
  )
})

test('registration with columns of the table in the body is refused', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const count = await countRows(app)
  for (const extra of [{ role: 'admin' }, { id: 1 }, { disabled: true }, { passwordHash: 'x' }]) {
    const body = { username: newName(), password: PASSWORD, ...extra }
    const [name] = Object.keys(extra)
    const response = await send(app, 'POST', '/user', { body })
    assertError(t, response, 400, 'VALIDATION_FAILED', [`body.${name}`])
  }
  t.assert.deepStrictEqual(await countRows(app), count)
})

test('registration with username and password at their limits succeeds', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const digits = randomUUID().replaceAll('-', '')
  for (const [username, password] of [
    [digits.padEnd(80, '@'), 'p'.repeat(71).concat('w')],
    [`${digits}._@+-`, 'p'.repeat(63).concat('w')],
    [digits.slice(0, 5), '🦊🐻🐼🐨🐯🦁🐮🐷'],
    [digits.slice(5, 10), ' leading and trailing '],
  ] as const) {
    const response = await send(app, 'POST', '/user', { body: { username, password } })
    t.assert.strictEqual(response.statusCode, 200, response.body)
    const login = await send(app, 'POST', '/login', { body: { username, password } })
    t.assert.strictEqual(login.statusCode, 200)
  }
})

test('registration for admins only refuses others before it reads the body', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, REGISTRATION: 'admin' })
  const cookie = await signIn(app, await makeUser(app))
  const count = await countRows(app)
  for (const body of [{ username: newName(), password: PASSWORD }, [], undefined]) {
    assertError(t, await send(app, 'POST', '/user', { body }), 401, 'UNAUTHENTICATED')
    assertError(t, await send(app, 'POST', '/user', { cookie, body }), 401, 'NOT_PERMITTED')
  }
  t.assert.deepStrictEqual(await countRows(app), count)
})

test('registration by an admin creates a user without the admin role', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, REGISTRATION: 'admin' })
  const admin = await makeUser(app, 'admin')
  const cookie = await signIn(app, admin)
  const body = { username: newName(), password: PASSWORD }
  const response = await send(app, 'POST', '/user', { cookie, body })
  t.assert.strictEqual(response.statusCode, 200)
  const row = await storedUser(app, response.json().user.id)
  t.assert.strictEqual(row?.role, 'user')
  const me = await send(app, 'GET', '/me', { cookie })
  t.assert.strictEqual(me.json().id, admin.id)
})
