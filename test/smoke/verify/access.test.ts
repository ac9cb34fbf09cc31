import { type TestContext, test } from 'node:test'
import { giveToken, makeUser, signIn } from '../../support/http/accounts.ts'
import { send } from '../../support/http/build.ts'
import { giveLimitedToken, identityOf } from '../../support/http/identity.ts'
import { caddy, nginx } from '../../support/verify/proxies.ts'
import { type Site, startSite } from '../../support/verify/site.ts'

const FORGED = {
  'X-Gatehouse-User-Id': ['1', '2'],
  'x-gatehouse-username': 'root',
  'X-GATEHOUSE-ROLE': 'admin',
  'X-Gatehouse-Credential': 'token',
  'X-Gatehouse-Scopes': 'orders:read',
  X_Gatehouse_Role: 'admin',
  'x-gatehouse_role': 'admin',
  x_gatehouse_user_id: '1',
}

/** The identity that the service has received, with every spelling that a CGI program would take for it. */
function identityAt(received: { headers: object } | undefined) {
  const entries = Object.entries(received?.headers ?? {})
  return Object.fromEntries(entries.filter(([name]) => /^x[-_]gatehouse/i.test(name)))
}

/** nginx leaves out empty headers, and Caddy sends them. */
function withoutEmpty(identity: Record<string, unknown>) {
  return Object.fromEntries(Object.entries(identity).filter(([, value]) => value !== ''))
}

async function users({ app }: Site) {
  const [user, admin] = [await makeUser(app), await makeUser(app, 'admin')]
  return { user, admin, ofUser: await signIn(app, user), ofAdmin: await signIn(app, admin) }
}

for (const { name, prepare, skip } of [nginx, caddy]) {
  test(`${name}: a cookie and a token pass with the identity, and forged headers of the client do not`, {
    skip,
  }, async (t: TestContext) => {
    const site = await startSite(t, prepare)
    const { user, ofUser } = await users(site)
    const token = await giveToken(site.app, user)
    const limited = await giveLimitedToken(site.app, user, 'orders:read')
    for (const [headers, identity] of [
      [{ cookie: ofUser }, identityOf(user, 'session')],
      [token.headers, identityOf(user, 'token')],
      [limited, identityOf(user, 'token', { scopes: 'orders:read' })],
    ] as [Record<string, string>, Record<string, string>][]) {
      for (const path of ['/', '/orders/1', '/public/x']) {
        for (const forged of [{}, FORGED]) {
          const answer = await site.send(path, { ...forged, ...headers })
          t.assert.strictEqual(answer.status, 200)
          t.assert.deepStrictEqual(
            withoutEmpty(identityAt(answer.received)),
            withoutEmpty(identity),
          )
        }
      }
    }
  })

  test(`${name}: a request without a credential, or with a revoked one, gets a 401 and does not reach the service`, {
    skip,
  }, async (t: TestContext) => {
    const site = await startSite(t, prepare)
    const { user, ofUser } = await users(site)
    const token = await giveToken(site.app, user)
    const forged = ofUser.replace(/[^.]*$/, 'A'.repeat(43))
    for (const headers of [{}, FORGED, { cookie: forged }, { authorization: 'Bearer x' }]) {
      for (const path of ['/', '/admin/x', '/orders/x', '/x?anonymous=allow']) {
        const refused = await site.send(path, headers as Record<string, string>)
        t.assert.deepStrictEqual([refused.status, refused.passed], [401, false])
        t.assert.match(String(refused.headers['www-authenticate']), /^Bearer /)
      }
    }
    for (const headers of [{ cookie: ofUser }, token.headers] as Record<string, string>[]) {
      t.assert.strictEqual((await site.send('/', headers)).status, 200)
      await send(site.app, 'POST', '/logout', { headers })
      t.assert.strictEqual((await site.send('/', headers)).status, 401)
    }
    t.assert.strictEqual(site.received.length, 2)
  })

  test(`${name}: a missing role or scope gets a 403 and does not reach the service`, {
    skip,
  }, async (t: TestContext) => {
    const site = await startSite(t, prepare)
    const { user, ofUser, ofAdmin } = await users(site)
    const limited = await giveLimitedToken(site.app, user, 'orders:write')
    for (const headers of [{ cookie: ofUser }, { cookie: ofUser, ...FORGED }, limited]) {
      const refused = await site.send('/admin/x?role=user', headers as Record<string, string>)
      t.assert.deepStrictEqual([refused.status, refused.passed], [403, false])
    }
    const refused = await site.send('/orders/x', limited)
    t.assert.deepStrictEqual([refused.status, refused.passed], [403, false])
    t.assert.strictEqual((await site.send('/admin/x', { cookie: ofAdmin })).status, 200)
    t.assert.strictEqual((await site.send('/orders/x', { cookie: ofUser })).status, 200)
  })

  test(`${name}: a page for everybody is reached with and without a login, and never with a forged identity`, {
    skip,
  }, async (t: TestContext) => {
    const site = await startSite(t, prepare)
    const { ofUser, user } = await users(site)
    for (const headers of [{}, FORGED, { cookie: 'session=x' }]) {
      const answer = await site.send('/public/x', headers as Record<string, string>)
      t.assert.strictEqual(answer.status, 200)
      t.assert.deepStrictEqual(withoutEmpty(identityAt(answer.received)), {})
    }
    const known = await site.send('/public/x', { cookie: ofUser })
    t.assert.deepStrictEqual(
      withoutEmpty(identityAt(known.received)),
      withoutEmpty(identityOf(user, 'session')),
    )
  })

  test(`${name}: a preflight reaches the service without a credential and without an identity`, {
    skip,
  }, async (t: TestContext) => {
    const site = await startSite(t, prepare)
    const { ofAdmin } = await users(site)
    for (const path of ['/', '/admin/x', '/orders/x', '/public/x']) {
      const headers = {
        ...{ ...FORGED, cookie: ofAdmin, origin: 'https://app.example' },
        'access-control-request-method': 'PUT',
      }
      const answer = await site.send(path, headers, { method: 'OPTIONS' })
      t.assert.strictEqual(answer.status, 200)
      t.assert.strictEqual(answer.received?.method, 'OPTIONS')
      t.assert.deepStrictEqual(withoutEmpty(identityAt(answer.received)), {})
    }
  })
}
