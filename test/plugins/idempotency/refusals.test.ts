import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { makeUser, signIn, storedTokens } from '../../support/http/accounts.ts'
import { send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'
import { putPassword } from '../../support/http/put-password.ts'
import { buildAlone, countAnswers, createToken, PASSWORD, register } from './requests.ts'

test('a refusal is repeated, also once its reason has gone', async (t: TestContext) => {
  const { app } = await buildAlone(t, { MAX_TOKENS: 1 })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const made = (await createToken(app, cookie)).json()
  const problem = { accept: 'application/problem+json' }
  const first = await createToken(app, cookie, { key: 'two', headers: problem })
  t.assert.strictEqual(first.json().code, 'TOKEN_LIMIT')
  const url = `/tokens/${made.id}`
  t.assert.strictEqual((await send(app, 'DELETE', url, { cookie })).statusCode, 200)
  const retry = await createToken(app, cookie, { key: 'two', headers: problem })
  t.assert.strictEqual(retry.statusCode, 409)
  t.assert.strictEqual(retry.body, first.body)
  t.assert.strictEqual(retry.headers['content-type'], 'application/problem+json')
  t.assert.strictEqual(retry.headers['idempotency-replayed'], 'true')
  t.assert.strictEqual((await createToken(app, cookie, { key: 'three' })).statusCode, 200)
  t.assert.strictEqual((await storedTokens(app, account.id)).length, 1)
})

test('each refusal that depends on the database is recorded', async (t: TestContext) => {
  const { app } = await buildAlone(t)
  const admin = await makeUser(app, 'admin')
  const cookie = await signIn(app, admin)
  const nobody = 999_999
  const requests = [
    ['DELETE', `/user/${nobody}`, undefined, 'USER_NOT_FOUND'],
    ['DELETE', `/users/${nobody}/tokens/1`, undefined, 'USER_NOT_FOUND'],
    ['DELETE', `/tokens/${nobody}`, undefined, 'TOKEN_NOT_FOUND'],
    ['DELETE', `/sessions/${nobody}`, undefined, 'SESSION_NOT_FOUND'],
    ['PATCH', `/user/${admin.id}`, { role: 'user' }, 'OWN_ACCOUNT'],
    ['POST', '/users', { kind: 'service', username: admin.username }, 'USERNAME_TAKEN'],
    ['POST', `/users/${admin.id}/tokens`, { name: 'job' }, 'NOT_A_SERVICE'],
    ['PUT', `/user/update-password/${nobody}`, { password: PASSWORD }, 'USER_NOT_FOUND'],
  ] as const
  for (const [method, url, body, code] of requests) {
    const options = { cookie, ...(body && { body }), headers: { 'idempotency-key': url } }
    const first = await send(app, method, url, options)
    t.assert.strictEqual(first.json().code, code, first.body)
    const retry = await send(app, method, url, options)
    t.assert.strictEqual(retry.body, first.body)
    t.assert.strictEqual(retry.headers['idempotency-replayed'], 'true', `${method} ${url}`)
  }
  t.assert.strictEqual(await countAnswers(app), requests.length)
})

test('a validation error, a refused or wrong password and a missing permission are not recorded', async (t: TestContext) => {
  const { app } = await buildAlone(t)
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const headers = { 'idempotency-key': 'one' }
  const invalid = await send(app, 'POST', '/tokens', { cookie, body: {}, headers })
  assertError(t, invalid, 400, 'VALIDATION_FAILED', ['body.name'])
  const unknown = { name: 'job', scopes: ['unknown'] }
  const late = await send(app, 'POST', '/tokens', { cookie, body: unknown, headers })
  assertError(t, late, 400, 'VALIDATION_FAILED', ['body.scopes.0'])
  const common = await register(app, 'someone', 'password')
  assertError(t, common, 400, 'PASSWORD_REFUSED', ['body.password'])
  const scopes = { name: 'job', scopes: ['introspect'] }
  const forbidden = await send(app, 'POST', '/tokens', { cookie, body: scopes, headers })
  assertError(t, forbidden, 401, 'NOT_PERMITTED', ['body.scopes'])
  for (const currentPassword of ['wrong', 'wrong', account.password]) {
    const answer = await send(app, 'PUT', `/user/update-password/${account.id}`, {
      cookie,
      body: { password: PASSWORD, currentPassword },
      headers: { 'idempotency-key': currentPassword },
    })
    const isRight = currentPassword === account.password
    t.assert.strictEqual(answer.statusCode, isRight ? 200 : 400, answer.body)
    t.assert.strictEqual(answer.headers['idempotency-replayed'], undefined)
  }
  t.assert.strictEqual((await createToken(app, cookie)).statusCode, 200)
  t.assert.strictEqual(await countAnswers(app), 2)
})

test('a 429 and a 503 are not recorded', async (t: TestContext) => {
  const { app } = await buildAlone(t, { HASH_QUEUE: 0, HASH_CONCURRENCY: 1 })
  const busy = app.passwords.queue.reserve()
  const username = `u-${randomUUID()}`
  const refused = await register(app, username, PASSWORD)
  assertError(t, refused, 503, 'HASH_CAPACITY')
  busy.leave()
  t.assert.strictEqual(await countAnswers(app), 0)
  t.assert.strictEqual((await register(app, username, PASSWORD)).statusCode, 200)

  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const wrong = { password: PASSWORD, currentPassword: 'wrong' }
  for (let tries = 0; tries < 10; tries++) await putPassword(app, account.id, cookie, wrong)
  const headers = { 'idempotency-key': 'one' }
  const url = `/user/update-password/${account.id}`
  const throttled = await send(app, 'PUT', url, { cookie, body: wrong, headers })
  assertError(t, throttled, 429, 'LOGIN_THROTTLED')
  t.assert.strictEqual(await countAnswers(app), 1)
})
