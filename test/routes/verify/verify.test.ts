import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { eq, sql } from 'drizzle-orm'
import { sessions, tokens, users } from '../../../db/schema.ts'
import { createDatabase } from '../../support/database/database.ts'
import { statementsDuring } from '../../support/database/statements.ts'
import { giveToken, makeUser, signIn, storedSessions } from '../../support/http/accounts.ts'
import { build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'
import {
  ANONYMOUS,
  assertIdentity,
  giveLimitedToken,
  identityOf,
} from '../../support/http/identity.ts'

const DATABASE_URL = await createDatabase()
const STALE = sql`CURRENT_TIMESTAMP(3) - INTERVAL 61 SECOND`
const FORGED = {
  'x-gatehouse-user-id': '1',
  'x-gatehouse-username': 'root',
  'x-gatehouse-role': 'admin',
  'x-gatehouse-credential': 'token',
  'x-gatehouse-scopes': 'orders:write',
}

test('a session and a token pass, with all identity headers, which those of the request do not change', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app, 'admin')
  const cookie = await signIn(app, account)
  const { headers } = await giveToken(app, account)
  const limited = await giveLimitedToken(app, account, 'orders:read introspect')
  for (const forged of [{}, FORGED]) {
    const role = 'admin'
    const bySession = await send(app, 'GET', '/verify', { cookie, headers: forged })
    assertIdentity(t, bySession, identityOf(account, 'session', { role }))
    const byToken = await send(app, 'GET', '/verify', { headers: { ...forged, ...headers } })
    assertIdentity(t, byToken, identityOf(account, 'token', { role }))
    const byLimited = await send(app, 'GET', '/verify', { headers: { ...forged, ...limited } })
    const scopes = 'orders:read introspect'
    assertIdentity(t, byLimited, identityOf(account, 'token', { role, scopes }))
  }
})

test('a request without a valid credential gets a 401, or passes without an identity where that is allowed', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const ended = await signIn(app, account)
  await app.db.delete(sessions).where(eq(sessions.userId, account.id))
  const endedToken = await giveToken(app, account)
  await app.db.delete(tokens).where(eq(tokens.userId, account.id))
  const disabled = await makeUser(app)
  const ofDisabled = await signIn(app, disabled)
  await app.db.update(users).set({ disabled: true }).where(eq(users.id, disabled.id))
  for (const headers of [
    {},
    { cookie: ended },
    { cookie: ofDisabled },
    { cookie: ended.replace(/[^.]*$/, 'A'.repeat(43)) },
    { cookie: 'session=' },
    { cookie: '; ;;session' },
    endedToken.headers,
    { authorization: 'Bearer' },
    { authorization: 'Bearer x' },
    { authorization: 'Basic dTpw' },
    { 'x-gatehouse-user-id': '1' },
  ] as Record<string, string>[]) {
    const refused = await send(app, 'GET', '/verify', { headers })
    assertError(t, refused, 401, 'UNAUTHENTICATED')
    const passed = await send(app, 'GET', '/verify?anonymous=allow', { headers })
    assertIdentity(t, passed, ANONYMOUS)
  }
})

test('a caller passes an operator who allows anonymous requests, with the identity', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const answer = await send(app, 'GET', '/verify?anonymous=allow', { cookie })
  assertIdentity(t, answer, identityOf(account, 'session'))
})

test('a required role passes callers who have it, and is a 403 for others', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const [user, admin] = [await makeUser(app), await makeUser(app, 'admin')]
  const [ofUser, ofAdmin] = [await signIn(app, user), await signIn(app, admin)]
  const status = async (cookie: string, role: string) =>
    (await send(app, 'GET', `/verify?role=${role}`, { cookie })).statusCode
  t.assert.deepStrictEqual(
    await Promise.all([
      ...[status(ofUser, 'user'), status(ofAdmin, 'user')],
      ...[status(ofUser, 'admin'), status(ofAdmin, 'admin')],
    ]),
    [200, 200, 403, 200],
  )
  const refused = await send(app, 'GET', '/verify?role=admin', { cookie: ofUser })
  assertError(t, refused, 403, 'ROLE_MISSING')
  t.assert.strictEqual(refused.headers['x-gatehouse-user-id'], undefined)
})

test('a required scope is a 403 for a limited token that lacks one, and passes sessions and tokens without a limit', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const limited = await giveLimitedToken(app, account, 'orders:read')
  const url = '/verify?scope=orders:read'
  t.assert.strictEqual((await send(app, 'GET', url, { headers: limited })).statusCode, 200)
  for (const lacking of [
    '/verify?scope=orders:write',
    '/verify?scope=orders:read+orders:write',
    '/verify;scope=orders:write/orders:read?scope=orders:read',
    '/verify?scope=orders:rea',
  ]) {
    const refused = await send(app, 'GET', lacking, { headers: limited })
    assertError(t, refused, 403, 'SCOPE_MISSING')
    const challenge = String(refused.headers['www-authenticate'])
    t.assert.match(challenge, /^Bearer .*error="insufficient_scope", scope="orders:(write|rea)"$/)
    const { headers } = await giveToken(app, account)
    t.assert.strictEqual((await send(app, 'GET', lacking, { headers })).statusCode, 200)
    const cookie = await signIn(app, account)
    t.assert.strictEqual((await send(app, 'GET', lacking, { cookie })).statusCode, 200)
  }
})

test('a verification that does not exist is a 503 for every caller, and the log names it once', async (t: TestContext) => {
  const { app, log } = await build(t, { DATABASE_URL })
  const cookie = await signIn(app, await makeUser(app, 'admin'))
  for (const url of ['/verify?roel=admin', '/verify/?role=admin', '/verify;role=x/y']) {
    for (const headers of [{}, { cookie }] as Record<string, string>[]) {
      assertError(t, await send(app, 'GET', url, { headers }), 503, 'VERIFY_MISCONFIGURED')
    }
  }
  const lines = log.lines.filter(({ msg }) => msg === 'a proxy is misconfigured')
  t.assert.strictEqual(lines.length, 1)
  t.assert.match(JSON.stringify(lines[0]), /unknown or contradictory: roel/)
})

test('a token beside a cookie counts alone, and Basic authorization does not hide a cookie', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const [one, other] = [await makeUser(app), await makeUser(app)]
  const cookie = await signIn(app, one)
  const { headers } = await giveToken(app, other)
  const both = await send(app, 'GET', '/verify', { cookie, headers })
  assertIdentity(t, both, identityOf(other, 'token'))
  for (const authorization of ['Bearer nonsense', 'bearer', `Bearer gh_${'A'.repeat(43)}`]) {
    const answer = await send(app, 'GET', '/verify', { cookie, headers: { authorization } })
    assertError(t, answer, 401, 'UNAUTHENTICATED')
  }
  const authorization = 'Basic dXNlcjpwYXNzd29yZA=='
  const basic = await send(app, 'GET', '/verify', { cookie, headers: { authorization } })
  assertIdentity(t, basic, identityOf(one, 'session'))
})

test('a username of other characters than visible ASCII is percent-encoded', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const names = ['Zoë 100%', 'a\r\nx-gatehouse-role: admin', '日本😀', '\u007f\n"', 'a,b;c=d']
  for (const name of names) {
    const username = `${name}${randomUUID().slice(0, 8)}`
    await app.db.update(users).set({ username }).where(eq(users.id, account.id))
    const { headers } = await send(app, 'GET', '/verify', { cookie })
    const sent = String(headers['x-gatehouse-username'])
    t.assert.match(sent, /^[\x21-\x7e]+$/)
    t.assert.strictEqual(decodeURIComponent(sent), username)
  }
})

test('a verification runs one query and writes nothing before the response, and the last use later', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  const [id = 0] = await storedSessions(app, account.id)
  await app.db.update(sessions).set({ lastSeenAt: STALE }).where(eq(sessions.id, id))
  const lastSeenAt = async () => {
    const [row] = await app.db.select().from(sessions).where(eq(sessions.id, id))
    return Date.parse(row?.lastSeenAt ?? '')
  }
  const before = await lastSeenAt()
  const verify = () => send(app, 'GET', '/verify', { cookie })
  const other = await signIn(app, account)
  await send(app, 'GET', '/me', { cookie: other }) // the pool has its connection by then
  const { result, statements } = await statementsDuring(verify)
  t.assert.strictEqual(result.statusCode, 200)
  t.assert.strictEqual(statements.length, 1)
  await app.lastUsed.flush()
  t.assert.ok((await lastSeenAt()) > before)
})
