import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { createDatabase } from '../support/database/database.ts'
import { query } from '../support/database/query.ts'
import { cookieOf, makeUser, signIn } from '../support/http/accounts.ts'
import { build, send } from '../support/http/build.ts'
import { assertError } from '../support/http/error-answer.ts'
import { assertSecured } from '../support/http/security-headers.ts'

const DATABASE_URL = await createDatabase()

test('a log line has the caller, the operation, the address and the outcome of a request', async (t: TestContext) => {
  const { app, log } = await build(t, { DATABASE_URL })
  const { id, username, password, ...rest } = await makeUser(app)
  const cookie = await signIn(app, { id, username, password, ...rest })
  const headers = { 'x-request-id': 'this-one' }
  await send(app, 'GET', `/user/${id}?a=b`, { cookie, headers })
  await send(app, 'POST', '/login', { body: { username, password }, headers })
  await send(app, 'GET', '/me', { headers })
  await send(app, 'POST', '/logout', { cookie, headers })
  await send(app, 'GET', '/nothing?a=b', { headers })
  await send(app, 'GET', '/user/%zz?a=b', { headers })
  const told = log.lines
    .filter(({ msg }) => msg === 'request' || msg === 'request refused before routing')
    .map(({ level: _, time, pid, hostname, msg, durationMs, ...line }) => {
      if (msg === 'request') t.assert.ok(Number(durationMs) >= 0)
      return line
    })
  const common = { reqId: 'this-one', address: '127.0.0.1' }
  t.assert.deepStrictEqual(told, [
    { ...common, method: 'GET', route: '/user/:id', status: 200, userId: id },
    { ...common, method: 'POST', route: '/login', status: 200, userId: id },
    { ...common, method: 'GET', route: '/me', status: 401, path: '/me', code: 'UNAUTHENTICATED' },
    { ...common, method: 'POST', route: '/logout', status: 200, userId: id },
    { ...common, method: 'GET', status: 404, path: '/nothing', code: 'ROUTE_NOT_FOUND' },
    { ...common, method: 'GET', status: 400, path: '/user/%zz', code: 'BAD_REQUEST' },
  ])
})

test('the log line of an unknown path contains its first 200 characters', async (t: TestContext) => {
  const { app, log } = await build(t, { DATABASE_URL })
  await send(app, 'GET', `/${'x'.repeat(5_000)}`)
  const paths = log.lines.filter(({ msg }) => msg === 'request').map(({ path }) => path)
  t.assert.deepStrictEqual(paths, [`/${'x'.repeat(199)}`])
})

test('a refused login is logged with the id of the account and without the username', async (t: TestContext) => {
  const { app, log } = await build(t, { DATABASE_URL })
  const { id, username } = await makeUser(app)
  const unknown = 'a password typed as a name'.replaceAll(' ', '-')
  for (const name of [username, unknown]) {
    await send(app, 'POST', '/login', { body: { username: name, password: 'wrong password' } })
  }
  const refused = log.lines.filter(({ msg }) => msg === 'login refused')
  t.assert.deepStrictEqual(
    refused.map(({ userId }) => userId),
    [id, undefined],
  )
  t.assert.ok(!log.text.includes(unknown))
})

test('the log of every operation at the lowest level contains no secret', async (t: TestContext) => {
  const { app, log, keepSecret } = await build(t, { DATABASE_URL, LOG_LEVEL: 'trace' })
  const account = await makeUser(app, 'admin', 4)
  const { id, username, password, passwordHash } = account
  const changed = `changed ${randomUUID()}`
  const login = await send(app, 'POST', '/login', { body: { username, password } })
  const cookie = cookieOf(login)
  const own = `/user/update-password/${id}`
  const current = { password: changed, currentPassword: password }
  const made = await send(app, 'POST', '/tokens', { cookie, body: { name: 'x' } })
  const { id: tokenId, token } = made.json()
  const headers = { authorization: `Bearer ${token}` }
  const other = await makeUser(app)
  await signIn(app, other)
  for (const response of [
    made,
    await send(app, 'POST', '/user', { body: { username: `u-${randomUUID()}`, password } }),
    await send(app, 'GET', '/me', { cookie }),
    await send(app, 'GET', '/users', { headers }),
    await send(app, 'GET', '/events', { headers }),
    await send(app, 'GET', '/sessions', { headers }),
    await send(app, 'DELETE', '/sessions', { cookie }),
    await send(app, 'DELETE', `/user/${other.id}/sessions`, { cookie }),
    await send(app, 'PATCH', `/user/${other.id}`, { cookie, body: { disabled: true } }),
    await send(app, 'DELETE', `/user/${other.id}`, { cookie }),
    await send(app, 'DELETE', `/tokens/${tokenId}`, { cookie }),
    await send(app, 'PUT', own, { cookie, body: current }),
    await send(app, 'POST', '/logout', { cookie }),
  ]) {
    t.assert.strictEqual(response.statusCode, 200)
  }
  await send(app, 'POST', '/login', { body: { username, password, extra: password } })
  await send(app, 'GET', `/user/0?p=${changed}`, { cookie })
  await send(app, 'GET', `/me?password=${changed}`, { headers: { authorization: password } })
  await send(app, 'GET', '/me', { headers }) // a token that has ended
  for (const secret of [password, encodeURIComponent(password), changed, passwordHash, token]) {
    keepSecret(secret)
  }
  keepSecret(cookie)
  keepSecret(
    decodeURIComponent(cookie)
      .replace(/^session=/, '')
      .replace(/\..*/, ''),
  )
  t.assert.doesNotMatch(log.text, /\$2[aby]\$|set-cookie|insert into|select /i)
  t.assert.ok(log.lines.length >= 8)
})

test('the log has one line for each entry when requests contain line breaks and control characters', async (t: TestContext) => {
  const { app, log } = await build(t, { DATABASE_URL })
  const forged = '\r\n{"level":60,"msg":"forged"}\n\u001b[31m\u2028'
  const headers = { 'user-agent': 'x', 'x-request-id': 'a\tb' }
  await send(app, 'GET', `/${encodeURIComponent(forged)}`, { headers })
  await send(app, 'POST', '/login', { body: { username: forged, password: forged } })
  await send(app, 'POST', '/login', { body: { [forged]: forged } })
  t.assert.ok(log.lines.length >= 3)
  for (const line of log.text.trimEnd().split('\n')) {
    const { level, msg } = JSON.parse(line)
    t.assert.ok(level < 60 && msg !== 'forged')
  }
  for (const character of ['\r', '\u001b', '\u2028']) t.assert.ok(!log.text.includes(character))
})

test('a database error is logged with its code and without parameters, and the response contains neither', async (t: TestContext) => {
  const DATABASE_URL = await createDatabase()
  const { app, log, keepSecret } = await build(t, { DATABASE_URL, failing: true })
  const [admin, account] = [await makeUser(app, 'admin'), await makeUser(app)]
  const { username, password } = account
  const cookie = await signIn(app, admin)
  // A column that takes no hash.
  await query(DATABASE_URL, "UPDATE users SET password_hash = ''")
  await query(
    DATABASE_URL,
    'ALTER TABLE users MODIFY password_hash VARCHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL',
  )
  const next = 'the next password'
  const url = `/user/update-password/${account.id}`
  const response = await send(app, 'PUT', url, { cookie, body: { password: next } })
  assertError(t, response, 500, 'INTERNAL_ERROR')
  assertSecured(t, response.headers)
  for (const secret of [username, password, next, account.passwordHash, cookie]) keepSecret(secret)

  const [line, ...others] = log.errors
  t.assert.deepStrictEqual(others, [])
  t.assert.strictEqual(line?.msg, 'request failed')
  t.assert.match(JSON.stringify(line.err), /"code":"ER_DATA_TOO_LONG","errno":1406/)
  t.assert.doesNotMatch(log.text, /\$2[aby]\$|update `|params/)
  t.assert.match(log.text, /users\.ts/, 'the place in the code')
})
