import { METHODS } from 'node:http'
import { type TestContext, test } from 'node:test'
import { createDatabase } from '../support/database/database.ts'
import { makeUser, signIn } from '../support/http/accounts.ts'
import { type App, build, send } from '../support/http/build.ts'
import { assertError } from '../support/http/error-answer.ts'
import { buildWithRoutes } from '../support/http/route-table.ts'

const DATABASE_URL = await createDatabase()
const CREDENTIALS = { username: 'nobody', password: 'wrong' }
type Method = Parameters<typeof send>[1]

/** A CONNECT request has no path: see raw-errors.test.ts. */
const NOT_ROUTED = ['CONNECT']

const ALLOWED: Record<string, string> = {
  '/': 'GET, HEAD',
  '/events': 'GET, HEAD',
  '/introspect': 'POST',
  '/introspect/batch': 'POST',
  '/livez': 'GET, HEAD',
  '/login': 'POST',
  '/logout': 'GET, POST',
  '/me': 'GET, HEAD',
  '/openapi-3.0.json': 'GET, HEAD',
  '/openapi.json': 'GET, HEAD',
  '/readyz': 'GET, HEAD',
  '/sessions': 'DELETE, GET, HEAD',
  '/sessions/:id': 'DELETE',
  '/tokens': 'GET, HEAD, POST',
  '/tokens/:id': 'DELETE',
  '/user': 'POST',
  '/user/:id': 'DELETE, GET, HEAD, PATCH',
  '/user/:id/sessions': 'DELETE, GET, HEAD',
  '/user/update-password/:id': 'PUT',
  '/users': 'GET, HEAD, POST',
  '/users/:id/sessions': 'DELETE, GET, HEAD',
  '/users/:id/tokens': 'GET, HEAD, POST',
  '/users/:id/tokens/:tokenId': 'DELETE',
  '/verify': METHODS.filter((name) => !NOT_ROUTED.includes(name))
    .sort()
    .join(', '),
}

test('every known path returns a 405 for other methods, with the methods that it supports', async (t: TestContext) => {
  const { app, routes } = await buildWithRoutes(t, { DATABASE_URL })
  const urls = new Set(routes.map(({ url }) => url))
  t.assert.deepStrictEqual([...urls].sort(), Object.keys(ALLOWED))
  for (const [url, allowed] of Object.entries(ALLOWED)) {
    const others = METHODS.filter((name) => ![...allowed.split(', '), ...NOT_ROUTED].includes(name))
    for (const method of others) {
      const path = `${url.replace(':id', '1')}?a=b`
      const response = await app.inject({ method: method as Method, url: path }) // a method that Node knows
      t.assert.strictEqual(response.headers.allow, allowed, `${method} ${url}`)
      if (method === 'HEAD') t.assert.strictEqual(response.statusCode, 405)
      else assertError(t, response, 405, 'METHOD_NOT_ALLOWED')
    }
  }
})

test('every route that changes state declares the errors of bodies and origins', async (t: TestContext) => {
  const { routes } = await buildWithRoutes(t, { DATABASE_URL })
  const changing = routes.filter(
    ({ method, url }) =>
      (!['GET', 'HEAD'].includes(method) && url !== '/verify') || url === '/logout',
  )
  t.assert.ok(changing.length >= 12)
  for (const { method, url, statuses } of changing) {
    const ofBodies = method === 'GET' ? [] : [413, 415] // the body of a GET is not read
    const expected = [400, 403, 429, 500, 503, ...ofBodies]
    const missing = expected.filter((status) => !statuses.has(status))
    t.assert.deepStrictEqual(missing, [], `${method} ${url}`)
  }
})

test('/verify declares the statuses that proxies understand, and those of malformed HTTP, for every method', async (t: TestContext) => {
  const { routes } = await buildWithRoutes(t, { DATABASE_URL })
  const [read, ...others] = routes.filter(({ url }) => url === '/verify')
  t.assert.strictEqual(others.length, METHODS.length - 2) // GET, and CONNECT
  const ofHttp = [400, 408, 431]
  t.assert.deepStrictEqual(
    [...(read?.statuses ?? [])].sort(),
    [200, ...ofHttp, 401, 403, 503].sort(),
  )
})

test('an unknown path returns a 404 for every method, also with a session', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookie = await signIn(app, await makeUser(app, 'admin'))
  for (const url of ['//', '/nothing', '/Login', '/login/', '//login', '/user/1/x', '/me.json']) {
    for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS'] as const) {
      const response = await send(app, method, url, { cookie })
      assertError(t, response, 404, 'ROUTE_NOT_FOUND')
      t.assert.strictEqual(response.headers.allow, undefined)
    }
  }
})

test('HEAD returns the headers of GET, without the body, on every read', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const account = await makeUser(app, 'admin')
  const cookie = await signIn(app, account)
  const own = `/user/${account.id}`
  for (const url of [
    ...['/', '/livez', '/readyz', '/me', own, '/user/9007199254740991'],
    ...['/sessions', '/tokens', '/users?limit=1', `${own}/sessions`, '/events?userId=1'],
  ]) {
    const headers = { 'x-request-id': 'same' }
    const head = await send(app, 'HEAD', url, { cookie, headers })
    const get = await send(app, 'GET', url, { cookie, headers })
    t.assert.strictEqual(head.statusCode, get.statusCode)
    t.assert.strictEqual(head.body, '')
    const { date: _, ...headHeaders } = head.headers
    const { date: __, ...getHeaders } = get.headers
    t.assert.deepStrictEqual(headHeaders, getHeaders)
  }
})

test('an error for a client that accepts problem+json has the shape of RFC 9457', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const headers = { accept: 'application/problem+json' }
  const refused = await send(app, 'POST', '/user', { headers, body: { username: 1 } })
  t.assert.strictEqual(refused.statusCode, 400)
  t.assert.strictEqual(refused.headers['content-type'], 'application/problem+json')
  const { errors: faults, ...facts } = refused.json()
  t.assert.deepStrictEqual(facts, {
    type: 'about:blank',
    title: 'Bad Request',
    status: 400,
    detail: 'The request is not valid.',
    code: 'VALIDATION_FAILED',
  })
  t.assert.deepStrictEqual(faults, [
    { path: 'body.password', message: 'is required' },
    { path: 'body.username', message: 'must be string' },
  ])
  const unknown = await send(app, 'GET', '/nothing', { headers })
  t.assert.deepStrictEqual(unknown.json(), {
    type: 'about:blank',
    title: 'Not Found',
    status: 404,
    detail: 'This path does not exist.',
    code: 'ROUTE_NOT_FOUND',
  })
})

test('an error for a client that accepts both shapes has the preferred one', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const problem = 'application/problem+json'
  for (const [accept, expected] of [
    [`application/json, ${problem}`, 'application/json'],
    [`${problem}, application/json`, problem],
    [`application/json;q=0.5, ${problem};q=0.9`, problem],
    [`application/json, ${problem};q=0.9`, 'application/json'],
    [`*/*, ${problem}`, problem],
    [`${problem};q=0`, 'application/json'],
    [`${problem.toUpperCase()}`, problem],
    [`${problem}; charset=utf-8`, problem],
    [`x${problem}`, 'application/json'],
  ] as const) {
    const { headers } = await send(app, 'GET', '/me', { headers: { accept } })
    t.assert.strictEqual(headers['content-type'], expected, accept)
  }
})

test('an error for a client that accepts JSON, anything or HTML has the common shape', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  for (const accept of ['application/json', '*/*', 'text/html', 'nonsense', '']) {
    const response = await send(app, 'GET', '/me', { headers: { accept } })
    assertError(t, response, 401, 'UNAUTHENTICATED')
    t.assert.strictEqual(response.headers.location, undefined)
  }
})

test('a valid x-request-id is returned with every response and logged', async (t: TestContext) => {
  const { app, log } = await build(t, { DATABASE_URL })
  const id = `${'a'.repeat(59)}.B_:-`
  for (const response of await requestEach(app, id)) {
    t.assert.strictEqual(response.headers['x-request-id'], id)
  }
  const requests = log.lines.filter(({ msg, reqId }) => msg?.startsWith('request') && reqId === id)
  t.assert.strictEqual(requests.length, 4)
})

test('a missing or invalid x-request-id is replaced with a new UUID', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const seen = new Set<unknown>()
  const invalid = ['', ' ', 'a b', 'a,b', 'é', '<script>', 'x'.repeat(65), '"', undefined]
  for (const sent of invalid) {
    for (const response of await requestEach(app, sent)) {
      const id = response.headers['x-request-id']
      t.assert.match(String(id), /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
      seen.add(id)
    }
  }
  t.assert.strictEqual(seen.size, invalid.length * 4)
})

/** A success, an error of a route, an unknown path and a path that cannot be decoded. */
async function requestEach(app: App, id: string | undefined) {
  const headers: Record<string, string> = id === undefined ? {} : { 'x-request-id': id }
  return [
    await send(app, 'GET', '/livez', { headers }),
    await send(app, 'POST', '/login', { headers, body: CREDENTIALS }),
    await send(app, 'GET', '/nothing', { headers }),
    await send(app, 'GET', '/user/%zz', { headers }),
  ]
}
