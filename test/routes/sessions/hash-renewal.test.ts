import { EventEmitter, once } from 'node:events'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { hash } from '@node-rs/bcrypt'
import { eq, sql } from 'drizzle-orm'
import { loginFailures, users } from '../../../db/schema.ts'
import { createDatabase } from '../../support/database/database.ts'
import { query } from '../../support/database/query.ts'
import { cookieOf, makeUser, storedSessions, storedUser } from '../../support/http/accounts.ts'
import { type App, build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'
import { listen } from '../../support/http/raw-http.ts'
import { until } from '../../support/until.ts'

const DATABASE_URL = await createDatabase()
const LOGIN = 'POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n'
const OLDER_COST = 4
const COST = 5

test('a login with the right password succeeds while the hash queue has no room to renew the hash', async (t: TestContext) => {
  const queue = { HASH_CONCURRENCY: 1, HASH_QUEUE: 0 }
  const { app } = await build(t, { DATABASE_URL, BCRYPT_COST: COST, ...queue })
  const account = await makeUser(app, 'user', OLDER_COST)
  const release = holdSlotAfterVerification(app)
  const login = await logIn(app, account)
  t.assert.strictEqual(app.passwords.queue.state, 'full')
  release()
  t.assert.strictEqual(login.statusCode, 200, login.body)
  const me = await send(app, 'GET', '/me', { cookie: cookieOf(login) })
  t.assert.strictEqual(me.json().id, account.id)
  t.assert.strictEqual((await storedUser(app, account.id))?.passwordHash, account.passwordHash)
})

test('a login with the right password succeeds if the database cannot store the renewed hash', async (t: TestContext) => {
  const url = await createDatabase()
  const { app, log } = await build(t, { DATABASE_URL: url, BCRYPT_COST: COST })
  const account = await makeUser(app, 'user', OLDER_COST)
  await makeUser(app, 'user', COST)
  // With the index, no second hash can begin as that of the other account: `$2b$05`.
  await query(url, 'CREATE UNIQUE INDEX refuse ON users (password_hash(6))')
  const login = await logIn(app, account)
  t.assert.strictEqual(login.statusCode, 200, login.body)
  t.assert.match(log.text, /password hash not renewed/)
  t.assert.strictEqual((await storedUser(app, account.id))?.passwordHash, account.passwordHash)

  await query(url, 'DROP INDEX refuse ON users')
  t.assert.strictEqual((await logIn(app, account)).statusCode, 200)
  t.assert.match((await storedUser(app, account.id))?.passwordHash ?? '', /^\$2b\$05\$/)
})

test('a login whose client disconnects while the renewal waits opens no session and does not count as failed', async (t: TestContext) => {
  const queue = { HASH_CONCURRENCY: 1, HASH_QUEUE: 10 }
  const { app } = await build(t, {
    DATABASE_URL: await createDatabase(),
    BCRYPT_COST: COST,
    ...queue,
  })
  const account = await makeUser(app, 'user', OLDER_COST)
  const port = await listen(app)
  const release = holdSlotAfterVerification(app)
  const { username, password } = account
  const body = JSON.stringify({ username, password })
  const client = connect(port, '127.0.0.1')
  client.write(`${LOGIN}Content-Length: ${body.length}\r\n\r\n${body}`)
  const { queue: hashes } = app.passwords
  const isWaiting = (count: number) => () => hashes.load.waiting === count
  const seen = () => JSON.stringify(hashes.load)
  await until(isWaiting(1), seen)
  t.assert.strictEqual(await app.db.$count(loginFailures), 2)
  client.destroy()
  await until(isWaiting(0), seen)
  release()
  await until(
    async () => (await app.db.$count(loginFailures)) === 0,
    () => 'the login still counts',
  )
  t.assert.deepStrictEqual(await storedSessions(app, account.id), [])
  t.assert.strictEqual((await storedUser(app, account.id))?.passwordHash, account.passwordHash)
})

test('a login whose hash another login renews meanwhile succeeds and keeps that hash', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, BCRYPT_COST: COST })
  const account = await makeUser(app, 'user', OLDER_COST)
  const passwordHash = await hash(account.password, { cost: COST })
  afterVerification(app, async () => {
    await app.db.update(users).set({ passwordHash }).where(eq(users.id, account.id))
  })
  const login = await logIn(app, account)
  t.assert.strictEqual(login.statusCode, 200, login.body)
  t.assert.strictEqual((await storedUser(app, account.id))?.passwordHash, passwordHash)
})

test('a login with an older hash whose password is changed meanwhile is refused', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, BCRYPT_COST: COST })
  const account = await makeUser(app, 'user', OLDER_COST)
  const change = { passwordHash: 'changed', version: sql`version + 1` }
  afterVerification(app, async () => {
    await app.db.update(users).set(change).where(eq(users.id, account.id))
  })
  assertError(t, await logIn(app, account), 400, 'INVALID_CREDENTIALS')
  t.assert.strictEqual((await storedUser(app, account.id))?.passwordHash, 'changed')
  t.assert.deepStrictEqual(await storedSessions(app, account.id), [])
})

/** Takes the slot of the hash queue after a verification. @returns a function that frees it */
function holdSlotAfterVerification(app: App): () => void {
  const gate = new EventEmitter()
  afterVerification(app, async () => {
    void app.passwords.queue.run(() => once(gate, 'release'))
  })
  return () => gate.emit('release')
}

/** Runs `work` once, between the verification of a password and what follows it. */
function afterVerification(app: App, work: () => Promise<void>): void {
  const { verify } = app.passwords
  app.passwords.verify = async (...parameters) => {
    const verified = await verify(...parameters)
    app.passwords.verify = verify
    await work()
    return verified
  }
}

function logIn(app: App, { username, password }: { username: string; password: string }) {
  return send(app, 'POST', '/login', { body: { username, password } })
}
