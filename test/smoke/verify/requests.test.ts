import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeUser, signIn } from '../../support/http/accounts.ts'
import { caddy, nginx } from '../../support/verify/proxies.ts'
import { startSite } from '../../support/verify/site.ts'

const CONNECTIONS = 1_000
/** Far longer than it takes on a busy machine. */
const TIME_LIMIT = { timeout: 120_000 }

for (const { name, prepare, skip, unavailable } of [nginx, caddy]) {
  test(`${name}: the method, the path and the body of a request do not change the verification, and reach the service`, {
    skip,
  }, async (t: TestContext) => {
    const site = await startSite(t, prepare)
    const cookie = await signIn(site.app, await makeUser(site.app))
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND', 'REPORT']) {
      for (const path of [
        ...['/', '/login', '/verify?anonymous=allow', '/a/b,c=d?e=f&role=admin;g', '/%7euser'],
        ...['/verify/x?anonymous=allow', `/${'long/'.repeat(200)}`],
      ]) {
        const body = ['GET', 'HEAD'].includes(method) ? '' : 'x'.repeat(20_000)
        const sent = {
          ...{ 'content-type': 'text/x-unknown', 'content-length': String(body.length) },
          ...{ 'if-none-match': '*', 'x-http-method-override': 'OPTIONS' },
        }
        const refused = await site.send(path, sent, { method, body })
        t.assert.deepStrictEqual([refused.status, refused.passed], [401, false])
        const passed = await site.send(path, { ...sent, cookie }, { method, body })
        t.assert.deepStrictEqual([passed.status, passed.passed], [200, true])
        const last = site.received.at(-1)
        t.assert.deepStrictEqual([last?.method, last?.url, last?.body], [method, path, body])
      }
    }
  })

  test(`${name}: the address that a client claims is not the address that Gatehouse sees`, {
    skip,
  }, async (t: TestContext) => {
    const site = await startSite(t, prepare)
    const cookie = await signIn(site.app, await makeUser(site.app))
    const forged = { 'x-forwarded-for': '203.0.113.5', 'x-real-ip': '203.0.113.5' }
    await site.send('/', { ...forged, forwarded: 'for=203.0.113.5', cookie })
    const verifications = site.log.lines.filter(({ route }) => route === '/verify')
    t.assert.deepStrictEqual(verifications.at(-1)?.address, '127.0.0.1')
  })

  test(`${name}: a large cookie never passes as somebody else, and is refused at the latest by Gatehouse`, {
    skip,
  }, async (t: TestContext) => {
    const site = await startSite(t, prepare)
    const cookie = await signIn(site.app, await makeUser(site.app))
    const statuses: number[] = []
    for (const length of [4_000, 9_000, 15_000, 40_000]) {
      const answer = await site.send('/', { cookie: `a=${'x'.repeat(length)}; ${cookie}` })
      statuses.push(answer.status)
      t.assert.strictEqual(answer.passed, answer.status === 200)
    }
    t.diagnostic(`cookies of 4, 9, 15 and 40 kB: ${statuses}`)
    t.assert.strictEqual(statuses[0], 200)
    t.assert.ok((statuses.at(-1) ?? 200) >= 400)
  })

  test(`${name}: nothing passes while Gatehouse is stopped`, { skip }, async (t: TestContext) => {
    const site = await startSite(t, prepare)
    const cookie = await signIn(site.app, await makeUser(site.app, 'admin'))
    t.assert.strictEqual((await site.send('/admin/x', { cookie })).status, 200)
    await site.app.close()
    for (const path of ['/', '/admin/x', '/orders/x', '/public/x']) {
      for (const headers of [{}, { cookie }] as Record<string, string>[]) {
        const answer = await site.send(path, headers)
        t.assert.deepStrictEqual([answer.status, answer.passed], [unavailable, false])
      }
    }
    t.assert.strictEqual(site.received.length, 1)
  })

  test(`${name}: an error of Gatehouse is a 503 with retry-after, and does not reach the service`, {
    skip,
  }, async (t: TestContext) => {
    const site = await startSite(t, prepare)
    const cookie = await signIn(site.app, await makeUser(site.app))
    t.mock.method(site.app.lookups, 'find', () => Promise.reject(new Error('a bug')))
    for (const path of ['/', '/public/x']) {
      const answer = await site.send(path, { cookie })
      t.assert.deepStrictEqual([answer.status, answer.passed], [503, false])
      t.assert.strictEqual(answer.headers['retry-after'], '1')
    }
  })

  test(`${name}: an address above its limit of failures gets a 503, and no 429`, {
    skip,
  }, async (t: TestContext) => {
    const site = await startSite(t, prepare)
    const cookie = await signIn(site.app, await makeUser(site.app))
    await site.app.inject({ method: 'POST', url: '/logout', headers: { cookie } })
    const statuses = new Map<number, number>()
    for (let sent = 0; sent < 105; sent++) {
      const { status } = await site.send('/', { cookie })
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
    t.diagnostic(JSON.stringify([...statuses]))
    t.assert.deepStrictEqual([...statuses.keys()], [401, 503])
  })

  test(`${name}: ${CONNECTIONS} connections at once get the right answers, some after a 5xx`, {
    skip,
    ...TIME_LIMIT,
  }, async (t: TestContext) => {
    const site = await startSite(t, prepare)
    const { app } = site
    const accounts = await Promise.all(Array.from({ length: 20 }, () => makeUser(app)))
    const cookies = await Promise.all(accounts.map((account) => signIn(app, account)))
    const begun = performance.now()
    const answers = await Promise.all(
      Array.from({ length: CONNECTIONS }, async (_, index) => {
        const isKnown = index % 2 === 0
        const which = (index / 2) % cookies.length
        const cookie = isKnown ? cookies[which] : undefined
        const { status, received } = await untilAnswered(() =>
          site.send('/', cookie ? { cookie } : {}),
        )
        const id = received?.headers['x-gatehouse-user-id']
        return isKnown ? status === 200 && id === String(accounts[which]?.id) : status === 401
      }),
    )
    t.diagnostic(`${CONNECTIONS} connections in ${Math.round(performance.now() - begun)} ms`)
    t.assert.strictEqual(answers.filter(Boolean).length, CONNECTIONS)
  })
}

/** Repeats a request while the proxy refuses it, because a busy machine does not answer in time. */
async function untilAnswered<T extends { status: number }>(send: () => Promise<T>): Promise<T> {
  for (;;) {
    const answer = await send()
    if (answer.status < 500) return answer
    await sleep(100 * Math.random())
  }
}
