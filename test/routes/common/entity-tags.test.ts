import { type TestContext, test } from 'node:test'
import { createDatabase } from '../../support/database/database.ts'
import { giveToken, makeUser, signIn, storedUser } from '../../support/http/accounts.ts'
import { type App, build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'

const DATABASE_URL = await createDatabase()
const PASSWORD = 'a boat at the upper lock'

const patch = (app: App, id: number, cookie: string, ifMatch: string, body: unknown) =>
  send(app, 'PATCH', `/user/${id}`, { cookie, body, headers: { 'if-match': ifMatch } })

test('GET /me and GET /user/{id} return the version as a weak ETag, which a change of the account increases', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, await makeUser(app, 'admin'))
  const own = await signIn(app, account)
  const etags = async () => [
    (await send(app, 'GET', '/me', { cookie: own })).headers.etag,
    (await send(app, 'GET', `/user/${account.id}`, { cookie })).headers.etag,
  ]
  t.assert.deepStrictEqual(await etags(), ['W/"1"', 'W/"1"'])
  const changed = await send(app, 'PATCH', `/user/${account.id}`, {
    cookie,
    body: { role: 'admin' },
  })
  t.assert.strictEqual(changed.headers.etag, 'W/"2"')
  t.assert.deepStrictEqual(await etags(), ['W/"2"', 'W/"2"'])
  const url = `/user/update-password/${account.id}`
  await send(app, 'PUT', url, { cookie: own, body: { password: PASSWORD } })
  t.assert.deepStrictEqual(await etags(), ['W/"3"', 'W/"3"'])
})

test('a login that renews a hash keeps the version', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, BCRYPT_COST: 5 })
  const { id, username, password, passwordHash } = await makeUser(app)
  await send(app, 'POST', '/login', { body: { username, password } })
  const stored = await storedUser(app, id)
  t.assert.notStrictEqual(stored?.passwordHash, passwordHash)
  t.assert.strictEqual(stored?.version, 1)
})

test('If-None-Match with the current version or * returns an empty 304', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const { headers } = await giveToken(app, account)
  for (const known of ['W/"1"', '"1"', 'W/"7", W/"1"', '"other",W/"1"', '*', ' W/"1" ']) {
    for (const url of ['/me', `/user/${account.id}`]) {
      const whole = await send(app, 'GET', url, { headers })
      for (const method of ['GET', 'HEAD'] as const) {
        const answer = await send(app, method, url, {
          headers: { ...headers, 'if-none-match': known },
        })
        t.assert.strictEqual(answer.statusCode, 304, known)
        t.assert.strictEqual(answer.headers.etag, 'W/"1"')
        t.assert.strictEqual(answer.headers['cache-control'], 'no-store')
        t.assert.strictEqual(answer.body, '')
        const length = method === 'HEAD' ? whole.headers['content-length'] : undefined
        t.assert.strictEqual(answer.headers['content-length'], length)
      }
    }
  }
})

test('If-None-Match without the current version is ignored', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  for (const known of [
    'W/"2"',
    '"11"',
    '1',
    'W/1',
    '"W/1"',
    '""',
    '"01"',
    '"1.0"',
    'nonsense',
    ',',
  ]) {
    const answer = await send(app, 'GET', '/me', { cookie, headers: { 'if-none-match': known } })
    t.assert.strictEqual(answer.statusCode, 200, known)
    t.assert.strictEqual(answer.json().id, account.id)
  }
  const nobody = await send(app, 'GET', '/me', { headers: { 'if-none-match': '*' } })
  assertError(t, nobody, 401, 'UNAUTHENTICATED')
  const url = `/user/${Number.MAX_SAFE_INTEGER}`
  const missing = await send(app, 'GET', url, { cookie, headers: { 'if-none-match': '*' } })
  assertError(t, missing, 404, 'USER_NOT_FOUND')
})

test('If-Match on PATCH with another version returns a 412 and changes nothing', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookie = await signIn(app, await makeUser(app, 'admin'))
  const { id } = await makeUser(app)
  const before = await storedUser(app, id)
  for (const wanted of ['W/"2"', '"0"', '1', 'nonsense', '""', ',']) {
    const answer = await patch(app, id, cookie, wanted, { disabled: true })
    assertError(t, answer, 412, 'PRECONDITION_FAILED')
  }
  t.assert.deepStrictEqual(await storedUser(app, id), before)
  for (const [wanted, version] of [
    ['W/"1"', 2],
    ['W/"7", "2"', 3],
    ['*', 4],
  ] as const) {
    const answer = await patch(app, id, cookie, wanted, { role: 'admin' })
    t.assert.strictEqual(answer.statusCode, 200, answer.body)
    t.assert.strictEqual(answer.headers.etag, `W/"${version}"`)
  }
})

test('If-Match on DELETE with another version returns a 412 and deletes nothing', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookie = await signIn(app, await makeUser(app, 'admin'))
  const { id } = await makeUser(app)
  const remove = (ifMatch: string) =>
    send(app, 'DELETE', `/user/${id}`, { cookie, headers: { 'if-match': ifMatch } })
  assertError(t, await remove('W/"2"'), 412, 'PRECONDITION_FAILED')
  t.assert.ok(await storedUser(app, id))
  t.assert.strictEqual((await remove('W/"1"')).statusCode, 200)
  t.assert.strictEqual(await storedUser(app, id), undefined)
})

test('If-Match is checked after permission and existence', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const admin = await makeUser(app, 'admin')
  const cookie = await signIn(app, admin)
  const own = await patch(app, admin.id, cookie, 'W/"9"', { disabled: true })
  assertError(t, own, 409, 'OWN_ACCOUNT')
  const missing = await patch(app, Number.MAX_SAFE_INTEGER, cookie, '*', { disabled: true })
  assertError(t, missing, 404, 'USER_NOT_FOUND')
})

test('If-Match on a password change with another version returns a 412 and changes nothing', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const change = (ifMatch: string) =>
    send(app, 'PUT', `/user/update-password/${account.id}`, {
      cookie,
      body: { password: PASSWORD },
      headers: { 'if-match': ifMatch },
    })
  assertError(t, await change('W/"2"'), 412, 'PRECONDITION_FAILED')
  t.assert.strictEqual((await storedUser(app, account.id))?.passwordHash, account.passwordHash)
  t.assert.strictEqual((await change('W/"1"')).statusCode, 200)
})

test('ten concurrent changes with If-Match on one version succeed once', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookie = await signIn(app, await makeUser(app, 'admin'))
  const account = await makeUser(app)
  const own = await signIn(app, account)
  for (const ask of [
    (etag: string) => patch(app, account.id, cookie, etag, { role: 'user' }),
    (etag: string) =>
      send(app, 'PUT', `/user/update-password/${account.id}`, {
        cookie: own,
        body: { password: PASSWORD },
        headers: { 'if-match': etag },
      }),
  ]) {
    const { etag } = (await send(app, 'GET', '/me', { cookie: own })).headers
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(String(etag))))
    const statuses = answers.map(({ statusCode }) => statusCode).sort()
    t.assert.deepStrictEqual(statuses, [200, ...Array.from({ length: 9 }, () => 412)])
  }
})
