import { type TestContext, test } from 'node:test'
import { makeUser, signIn } from '../../support/http/accounts.ts'
import { giveLimitedToken } from '../../support/http/identity.ts'
import { caddy, nginx } from '../../support/verify/proxies.ts'
import { startRouters } from '../../support/verify/routers.ts'
import { startSite } from '../../support/verify/site.ts'

const NAMES = ['admin', 'orders', 'public', 'other']

/** Every way that is known to write the path of one area so that it looks like that of another. */
function confusing(from: string, to: string): string[] {
  const first = to.charCodeAt(0).toString(16)
  const encoded = `%${first}${to.slice(1)}`
  return [
    ...[`/${to}`, `/${to}/`, `/${to}/x`, `/${to}?x=/${from}/`, `/${to}/?x=../${from}`],
    ...[`/${from}/../${to}/x`, `/${from}/x/../../${to}/x`, `/${from}/../${to}`, `/${to}/x/..`],
    ...[`/${from}/%2e%2e/${to}/x`, `/${from}/.%2e/${to}/x`, `/${from}/%2E./${to}/x`],
    ...[`/${from}/..%2f${to}/x`, `/${from}%2f..%2f${to}`, `/${from}/%2e%2e%2F${to}/x`],
    ...[`/${from}/..%5c${to}/x`, `/${from}/..\\${to}/x`, `/${from}\\..\\${to}\\x`, `/${to}\\x`],
    ...[`//${to}/x`, `//${from}/../${to}`, `/${from}//../${to}/x`, `/${from}/..//${to}`],
    ...[`/./${to}/x`, `/${to}/.`, `/.//${to}/x`, `/${from}/./../${to}/x`, `/%2f${to}/x`],
    ...[`/${from}/..;/${to}/x`, `/${to};x/y`, `/${from};/../${to}/x`, `/;/${to}/x`, `/${to}%3bx/y`],
    ...[`/${encoded}/x`, `/${from}/../${encoded}/x`, `/%25${first}${to.slice(1)}/x`],
    ...[`/${from}/%252e%252e/${to}/x`, `/${from}/..%252f${to}/x`, `/${from}/..%c0%af${to}/x`],
    ...[`/${to.toUpperCase()}/x`, `/${to.toUpperCase()}`, `/${from}/../${to.toUpperCase()}/x`],
    ...[`/${to}#/../${from}/`, `/${from}#/../../${to}/x`, `/${to}%23/../${from}`, `/${to}%3f/x`],
    ...[`/${to}%00/x`, `/${to}%20/x`, `/${to}%09/x`, `/${to}./x`, `/.${to}/x`, `/${to}\u00e9/x`],
    ...[`https://app.example/${to}/x`, `https://app.example/${from}/../${to}`, `http:/${to}/x`],
    ...[
      `https://app.example//${to}/x`,
      `https://${from}/${to}`,
      `/https://app.example/../../${to}`,
    ],
  ]
}

for (const { name, prepare, skip } of [nginx, caddy]) {
  test(`${name}: no form of a path reaches a part of a service that its caller may not enter, whatever router reads it`, {
    skip,
    timeout: 240_000,
  }, async (t: TestContext) => {
    const site = await startSite(t, prepare)
    const route = await startRouters(t)
    const user = await makeUser(site.app)
    const callers: [Record<string, string>, string[]][] = [
      [{}, ['public']],
      [{ cookie: await signIn(site.app, user) }, ['public', 'orders', 'other']],
      [await giveLimitedToken(site.app, user, 'orders:write'), ['public', 'other']],
    ]
    const paths = new Set(NAMES.flatMap((from) => NAMES.flatMap((to) => confusing(from, to))))
    const entered: string[] = []
    let passed = 0
    for (const path of paths) {
      for (const [headers, areas] of callers) {
        const answer = await site.send(path, headers)
        if (!answer.received) continue
        passed++
        for (const [router, area] of Object.entries(await route(answer.received.url))) {
          if (area === 'none' || areas.includes(area)) continue
          entered.push(`${path} as ${answer.received.url} reaches ${area} by ${router}`)
        }
      }
    }
    t.diagnostic(`${paths.size} paths, ${passed} requests passed`)
    t.assert.deepStrictEqual(entered, [])
    t.assert.ok(passed > 20)
  })

  test(`${name}: a part of the service needs its requirement with and without a slash at the end, in any case`, {
    skip,
  }, async (t: TestContext) => {
    const site = await startSite(t, prepare)
    const user = await makeUser(site.app)
    const cookie = await signIn(site.app, user)
    const limited = await giveLimitedToken(site.app, user, 'orders:write')
    for (const path of ['/admin', '/admin/', '/admin?x', '/ADMIN/x', '/Admin']) {
      t.assert.strictEqual((await site.send(path, { cookie })).status, 403, path)
    }
    for (const path of ['/orders', '/orders/', '/orders?x', '/ORDERS/x', '/Orders']) {
      t.assert.strictEqual((await site.send(path, limited)).status, 403, path)
    }
    for (const [path, status] of [
      ...[['/public', 200] as const, ['/public/x', 200] as const, ['/public?x', 200] as const],
      // A service that heeds the case can have another page there.
      ...[['/PUBLIC/x', 401] as const, ['/publicx', 401] as const, ['/adminx', 401] as const],
    ]) {
      t.assert.strictEqual((await site.send(path)).status, status, path)
    }
  })

  test(`${name}: a path that two programs can read differently is a 400, and a plain one is passed as it is`, {
    skip,
  }, async (t: TestContext) => {
    const site = await startSite(t, prepare)
    const cookie = await signIn(site.app, await makeUser(site.app))
    for (const path of [
      ...['/a/../b', '/a/..', '/./b', '/a/.', '//a', '/a//b', '/a\\b', '/a;b', '/a/..?x'],
      ...[
        '/a%2eb',
        '/a%2Fb',
        '/a%5cb',
        '/a%3Bb',
        '/%61',
        '/%41',
        '/%31',
        '/a%25b',
        '/a%0ab',
        '/a%00',
      ],
      ...['/a%7f', '/a%00', '/a\u00e9', '/a%', '/a%zz'],
    ]) {
      const refused = await site.send(path, { cookie })
      t.assert.deepStrictEqual([refused.status, refused.passed], [400, false], path)
    }
    for (const path of [
      ...[
        '/',
        '/a.b/...',
        '/.well-known/x',
        '/a..b',
        '/a%20b',
        '/%c3%a9',
        '/%E6%97%A5',
        '/a+b,c=d@e:f',
      ],
      ..."/a!$&'()*-_~?x=/../y;z=%2f//%2e#".split('#').slice(0, 1),
      ...['/a?', '/?//', '/a%7Eb', '/a%3F', '/a%26'],
    ]) {
      const answer = await site.send(path, { cookie })
      t.assert.strictEqual(answer.status, 200, path)
      t.assert.strictEqual(answer.received?.url, path)
    }
  })
}
