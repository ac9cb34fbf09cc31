import { type TestContext, test } from 'node:test'
import { eq, sql } from 'drizzle-orm'
import { sessions, tokens, users } from '../../../db/schema.ts'
import { createDatabase } from '../../support/database/database.ts'
import {
  giveOldToken,
  giveToken,
  makeService,
  makeUser,
  signIn,
} from '../../support/http/accounts.ts'
import { type App, build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'

const DATABASE_URL = await createDatabase()
const INACTIVE = '{"active":false}'

/** @returns a function that inspects a credential as a service does */
async function inspector(app: App) {
  const { headers } = await giveToken(app, await makeService(app), { scopes: ['introspect'] })
  return (form: Record<string, string>) => send(app, 'POST', '/introspect', { headers, form })
}

function textOf(cookie: string): string {
  return cookie.slice(cookie.indexOf('=') + 1)
}

test('a live token of a person and of a service is described', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const inspect = await inspector(app)
  const person = await makeUser(app, 'admin')
  const expiresAt = '2035-01-01T00:00:00.000Z'
  const limited = await giveToken(app, person, { scopes: ['orders:read', 'sessions'], expiresAt })
  const [row] = await app.db.select().from(tokens).where(eq(tokens.id, limited.id))
  const answer = await inspect({ token: limited.secret })
  t.assert.strictEqual(answer.headers['cache-control'], 'no-store')
  t.assert.deepStrictEqual(answer.json(), {
    active: true,
    sub: String(person.id),
    username: person.username,
    role: 'admin',
    kind: 'person',
    scope: 'orders:read sessions',
    token_type: 'Bearer',
    iat: Math.floor(Date.parse(row?.createdAt ?? '') / 1_000),
    exp: Date.parse(expiresAt) / 1_000,
  })
  const service = await makeService(app)
  const unlimited = (await inspect({ token: (await giveToken(app, service)).secret })).json()
  t.assert.strictEqual(unlimited.client_id, service.username)
  t.assert.strictEqual(unlimited.kind, 'service')
  t.assert.ok(!('scope' in unlimited) && !('exp' in unlimited))
})

test('a token of an earlier version is active', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const inspect = await inspector(app)
  const { secret } = await giveOldToken(app, await makeUser(app))
  t.assert.strictEqual((await inspect({ token: secret })).json().active, true)
})

test('a live session is described, and expires when the first of both limits is reached', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL, SESSION_IDLE: 600 })
  const inspect = await inspector(app)
  const account = await makeUser(app)
  const token = textOf(await signIn(app, account))
  const stored = async () => {
    const [row] = await app.db.select().from(sessions).where(eq(sessions.userId, account.id))
    return {
      seen: Math.floor(Date.parse(row?.lastSeenAt ?? '') / 1_000),
      end: Math.floor(Date.parse(row?.expiresAt ?? '') / 1_000),
    }
  }
  const { iat, exp, ...rest } = (await inspect({ token })).json()
  t.assert.deepStrictEqual(rest, {
    active: true,
    sub: String(account.id),
    username: account.username,
    role: 'user',
    kind: 'person',
    token_type: 'session',
  })
  t.assert.ok(Number.isSafeInteger(iat))
  t.assert.strictEqual(exp, (await stored()).seen + 600)
  const soon = { expiresAt: sql`CURRENT_TIMESTAMP(3) + INTERVAL 1 MINUTE` }
  await app.db.update(sessions).set(soon).where(eq(sessions.userId, account.id))
  t.assert.strictEqual((await inspect({ token })).json().exp, (await stored()).end)
  t.assert.strictEqual((await inspect({ token: decodeURIComponent(token) })).json().active, true)
})

test('a hint has no effect, right, wrong or unknown', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const inspect = await inspector(app)
  const account = await makeUser(app)
  const { secret } = await giveToken(app, account)
  for (const token of [secret, textOf(await signIn(app, account))]) {
    for (const hint of ['session', 'access_token', 'refresh_token', 'x']) {
      const answer = await inspect({ token, token_type_hint: hint })
      t.assert.strictEqual(answer.json().sub, String(account.id))
    }
  }
})

test('every credential that is not live gets the same bytes', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const inspect = await inspector(app)
  const account = await makeUser(app)
  const [disabled, deleted] = [await makeUser(app), await makeUser(app)]
  const service = await makeService(app, { addressRanges: ['192.0.2.0/24'] })
  const { secret: limited } = await giveToken(app, service)
  const expired = await giveToken(app, account, { expiresAt: '2020-01-01T00:00:00.000Z' })
  const ended = await giveToken(app, account)
  await send(app, 'POST', '/logout', { headers: ended.headers })
  const cookie = await signIn(app, account)
  await send(app, 'POST', '/logout', { cookie })
  const credentials: Record<string, string> = {
    'an unknown token': app.tokenFormat.create(),
    'a forged token': `gh_${'A'.repeat(43)}`,
    'a malformed token': 'gh_short',
    'any text': '\u{1f600} % %zz \0',
    'a long text': 'x'.repeat(8_000),
    'an expired token': expired.secret,
    'an ended token': ended.secret,
    'an ended session': textOf(cookie),
    'a forged session': 'secret.signature',
    'a token of a disabled account': (await giveToken(app, disabled)).secret,
    'a session of a disabled account': textOf(await signIn(app, disabled)),
    'a token of a deleted account': (await giveToken(app, deleted)).secret,
    'a session of a deleted account': textOf(await signIn(app, deleted)),
    'a limited token from an unknown address': limited,
  }
  await app.db.update(users).set({ disabled: true }).where(eq(users.id, disabled.id))
  await app.db.delete(users).where(eq(users.id, deleted.id))
  const forms = Object.entries(credentials).map(([name, token]) => ({ name, form: { token } }))
  const elsewhere = { token: limited, address: '192.0.3.1' }
  for (const { name, form } of [...forms, { name: 'a wrong address', form: elsewhere }]) {
    const answer = await inspect(form)
    t.assert.strictEqual(answer.statusCode, 200, `${name}: ${answer.body}`)
    t.assert.strictEqual(answer.body, INACTIVE, name)
  }
  const inside = await inspect({ token: limited, address: '::ffff:192.0.2.1' })
  t.assert.strictEqual(inside.json().active, true)
})

test('a malformed form is refused', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { headers } = await giveToken(app, await makeService(app), { scopes: ['introspect'] })
  const post = (payload: string | Buffer, more = {}) => {
    const type = { 'content-type': 'application/x-www-form-urlencoded' }
    const all = { ...headers, ...type, ...more }
    return app.inject({ method: 'POST', url: '/introspect', headers: all, payload })
  }
  for (const [payload, path] of [
    ['', 'body'],
    ['token=', 'body.token'],
    ['token_type_hint=session', 'body.token'],
    ['token=a&token=b', 'body.token'],
    ['token=a&token_type_hint=x&token_type_hint=y', 'body.token_type_hint'],
    ['token=a&address=nowhere', 'body.address'],
    [`token=a${'&'.repeat(2_000)}token=b`, 'body.token'],
    [`token=a&${'x=y&'.repeat(2_000)}token=b`, 'body.token'],
  ] as const) {
    const answer = await post(payload)
    t.assert.strictEqual(answer.statusCode, 400, `${payload}: ${answer.body}`)
    if (payload !== '') assertError(t, answer, 400, 'VALIDATION_FAILED', [path])
  }
  assertError(t, await post(Buffer.from([0xff, 0xfe])), 400, 'BAD_REQUEST')
  assertError(t, await post(`token=${'a'.repeat(16_384)}`), 413, 'BODY_TOO_LARGE')
  const json = { 'content-type': 'application/json' }
  assertError(t, await post('{"token":"a"}', json), 415, 'UNSUPPORTED_MEDIA_TYPE')
  const gzip = { 'content-encoding': 'gzip' }
  assertError(t, await post('token=a', gzip), 415, 'UNSUPPORTED_MEDIA_TYPE')
})

test('an unknown parameter is ignored, and one without a value counts as omitted', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { headers } = await giveToken(app, await makeService(app), { scopes: ['introspect'] })
  const { secret } = await giveToken(app, await makeUser(app))
  const type = { 'content-type': 'application/x-www-form-urlencoded' }
  for (const more of [
    ...['client_id=orders', 'client_id=a&client_id=b', '__proto__=x&constructor=y', 'Token=x'],
    ...['address=', 'token_type_hint', '&&&', `${'x=y&'.repeat(2_000)}`],
  ]) {
    const answer = await app.inject({
      ...{ method: 'POST', url: '/introspect', headers: { ...headers, ...type } },
      payload: `${more}&token=${secret}`,
    })
    t.assert.strictEqual(answer.statusCode, 200, `${more}: ${answer.body}`)
    t.assert.strictEqual(answer.json().active, true)
  }
})

test('only a token that names introspect, of an admin or a service, may inspect', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const form = { token: 'any' }
  const statusOf = async (headers: Record<string, string>) => {
    const answer = await send(app, 'POST', '/introspect', { headers, form })
    return answer.statusCode === 200 ? 'ok' : answer.json().code
  }
  const [user, admin, service] = [
    await makeUser(app),
    await makeUser(app, 'admin'),
    await makeService(app),
  ]
  const tokenOf = async (account: { id: number }, scopes?: string[]) =>
    (await giveToken(app, account, scopes && { scopes })).headers
  const named = ['introspect']
  t.assert.strictEqual(await statusOf(await tokenOf(admin, named)), 'ok')
  t.assert.strictEqual(await statusOf(await tokenOf(service, named)), 'ok')
  t.assert.strictEqual(await statusOf(await tokenOf(user, named)), 'NOT_PERMITTED')
  t.assert.strictEqual(await statusOf({ cookie: await signIn(app, admin) }), 'NOT_PERMITTED')
  for (const account of [user, admin, service]) {
    t.assert.strictEqual(await statusOf(await tokenOf(account)), 'SCOPE_MISSING')
    t.assert.strictEqual(await statusOf(await tokenOf(account, ['tokens'])), 'SCOPE_MISSING')
  }
  t.assert.strictEqual(await statusOf({}), 'UNAUTHENTICATED')
  const demoted = await tokenOf(admin, named)
  await app.db.update(users).set({ role: 'user' }).where(eq(users.id, admin.id))
  t.assert.strictEqual(await statusOf(demoted), 'NOT_PERMITTED')
})

test('an inspection counts as a use of the credential', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const inspect = await inspector(app)
  const { id, secret } = await giveToken(app, await makeUser(app))
  await inspect({ token: secret })
  await app.lastUsed.flush()
  const [row] = await app.db.select().from(tokens).where(eq(tokens.id, id))
  t.assert.ok(row?.lastUsedAt)
})
