import { METHODS } from 'node:http'
import { type TestContext, test } from 'node:test'
import { createDatabase } from '../../support/database/database.ts'
import { makeUser, signIn } from '../../support/http/accounts.ts'
import { build } from '../../support/http/build.ts'
import { assertIdentity, identityOf } from '../../support/http/identity.ts'
import { exchange, listen, openRaw } from '../../support/http/raw-http.ts'

const DATABASE_URL = await createDatabase()

async function serve(t: TestContext, options: Partial<Parameters<typeof build>[1]> = {}) {
  const { app } = await build(t, { DATABASE_URL, ...options })
  const account = await makeUser(app)
  const cookie = await signIn(app, account)
  return { app, account, cookie, port: await listen(app), identity: identityOf(account, 'session') }
}

/** Sends one request with the lines of its head, and closes the connection after the response. */
function ask(port: number, requestLine: string, lines: string[] = [], body = '') {
  const head = [requestLine, 'Host: localhost', 'Connection: close', ...lines]
  return exchange(port, Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`, 'latin1'))
}

test('every method that Node parses verifies, with and without CORS, and no other method reaches a route', async (t: TestContext) => {
  for (const options of [{}, { ALLOWED_ORIGINS: 'https://app.example' }]) {
    const { port, cookie, identity } = await serve(t, options)
    for (const method of METHODS.filter((name) => name !== 'CONNECT')) {
      const lines = [
        'Origin: https://app.example',
        'Access-Control-Request-Method: PUT',
        'Sec-Fetch-Site: cross-site',
      ]
      const passed = await ask(port, `${method} /verify HTTP/1.1`, [...lines, `Cookie: ${cookie}`])
      assertIdentity(t, passed, identity)
      const refused = await ask(port, `${method} /verify/orders HTTP/1.1`, lines)
      t.assert.strictEqual(refused.statusCode, 401, method)
      t.assert.strictEqual(refused.headers['access-control-allow-origin'], undefined)
    }
    for (const method of ['get', 'FOO', 'GET\t', 'Get']) {
      const { statusCode } = await ask(port, `${method} /verify HTTP/1.1`, [`Cookie: ${cookie}`])
      t.assert.strictEqual(statusCode, 400, method)
    }
  }
})

test('a header that overrides the method or the path has no effect', async (t: TestContext) => {
  const { port, cookie } = await serve(t)
  const answer = await ask(port, 'GET /verify?role=admin HTTP/1.1', [
    ...['X-HTTP-Method-Override: DELETE', 'X-Method-Override: PUT', 'X-HTTP-Method: PATCH'],
    ...['X-Original-URL: /verify', 'X-Rewrite-URL: /verify', 'X-Forwarded-Uri: /verify'],
    ...['X-Gatehouse-Role: admin', 'X-Required-Role: user', `Cookie: ${cookie}`],
  ])
  t.assert.strictEqual(answer.statusCode, 403)
})

const BODIES: [string, string[], string][] = [
  ['a length', ['Content-Length: 5'], 'a=b&c'],
  ['malformed JSON', ['Content-Type: application/json', 'Content-Length: 3'], '{{{'],
  ['an unknown type', ['Content-Type: x/y', 'Content-Encoding: br', 'Content-Length: 2'], 'xx'],
  ['chunks', ['Transfer-Encoding: chunked'], '5\r\nhello\r\n0\r\n\r\n'],
  ['more than 16 KiB', ['Content-Length: 50000'], 'x'.repeat(50_000)],
  [
    'more than 16 KiB in chunks',
    ['Transfer-Encoding: chunked'],
    `c350\r\n${'x'.repeat(50_000)}\r\n0\r\n\r\n`,
  ],
  ['Expect', ['Expect: 100-continue', 'Content-Length: 2'], 'ab'],
  ['an unknown Expect', ['Expect: something', 'Content-Length: 2'], 'ab'],
]

for (const [name, lines, body] of BODIES) {
  test(`a body with ${name} is not read, and the connection serves the next request`, async (t: TestContext) => {
    const { port, cookie, identity } = await serve(t)
    for (const [credential, status] of [
      [`Cookie: ${cookie}`, 200],
      ['X: y', 401],
    ] as const) {
      const { write, answer } = await openRaw(port)
      const head = ['POST /verify HTTP/1.1', 'Host: localhost', credential, ...lines]
      write(`${head.join('\r\n')}\r\n\r\n${body}`)
      const next = ['GET /verify HTTP/1.1', 'Host: localhost', `Cookie: ${cookie}`]
      write(`${[...next, 'Connection: close'].join('\r\n')}\r\n\r\n`)
      const { statusCode, headers, body: rest } = await answer
      t.assert.strictEqual(statusCode, status)
      const second = rest.slice(rest.indexOf('HTTP/1.1 ', status === 200 ? 0 : 1))
      t.assert.match(second, /^HTTP\/1\.1 200 /)
      t.assert.match(second, new RegExp(`x-gatehouse-user-id: ${identity['x-gatehouse-user-id']}`))
      if (status === 200) t.assert.strictEqual(headers['content-length'], '0')
    }
  })
}

test('a response does not wait for a body that never comes', async (t: TestContext) => {
  const { port } = await serve(t)
  const lines = ['Content-Length: 9']
  t.assert.strictEqual((await ask(port, 'POST /verify HTTP/1.1', lines)).statusCode, 401)
})

test('conditional and range headers, HEAD and HTTP/1.0 change nothing of the status', async (t: TestContext) => {
  const { port, cookie, identity } = await serve(t)
  const conditions = [
    ...['If-None-Match: *', 'If-None-Match: W/"1"', 'If-Match: "x"', 'Range: bytes=0-1'],
    'If-Modified-Since: Wed, 01 Jan 2098 00:00:00 GMT',
    'If-Unmodified-Since: Wed, 01 Jan 1998 00:00:00 GMT',
    ...['Upgrade: websocket', 'TE: trailers', 'Accept: text/html;q=0', 'Accept-Encoding: gzip'],
  ]
  for (const condition of conditions) {
    const answer = await ask(port, 'GET /verify HTTP/1.1', [condition, `Cookie: ${cookie}`])
    assertIdentity(t, answer, identity)
  }
  assertIdentity(t, await ask(port, 'HEAD /verify HTTP/1.1', [`Cookie: ${cookie}`]), identity)
  const refused = await ask(port, 'HEAD /verify HTTP/1.1')
  t.assert.deepStrictEqual([refused.statusCode, refused.body], [401, ''])
  const old = Buffer.from(`GET /verify HTTP/1.0\r\nCookie: ${cookie}\r\n\r\n`)
  assertIdentity(t, await exchange(port, old), identity)
  const upgrade = ['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13']
  t.assert.strictEqual((await ask(port, 'GET /verify HTTP/1.1', upgrade)).statusCode, 401)
})

test('the case of header names and of the scheme has no effect', async (t: TestContext) => {
  const { port, cookie, identity } = await serve(t)
  for (const name of ['COOKIE', 'cookie', 'cOOkie']) {
    assertIdentity(t, await ask(port, 'GET /verify HTTP/1.1', [`${name}: ${cookie}`]), identity)
  }
  for (const line of ['AUTHORIZATION: BEARER x', 'authorization: bearer x']) {
    const answer = await ask(port, 'GET /verify HTTP/1.1', [line, `Cookie: ${cookie}`])
    t.assert.strictEqual(answer.statusCode, 401, line)
  }
  for (const line of [`Cookie : ${cookie}`, `X: y\r\n Cookie: ${cookie}`, `Cook_ie: ${cookie}`]) {
    const { statusCode } = await ask(port, 'GET /verify HTTP/1.1', [line])
    t.assert.ok([400, 401].includes(statusCode), line)
  }
})

test('of duplicate cookies and authorizations the first counts, and an oversized cookie identifies nobody', async (t: TestContext) => {
  const { app, port, cookie, identity } = await serve(t)
  const other = await signIn(app, await makeUser(app))
  const forged = cookie.replace(/[^.]*$/, 'A'.repeat(43))
  const verify = (...lines: string[]) => ask(port, 'GET /verify HTTP/1.1', lines)
  assertIdentity(t, await verify(`Cookie: ${cookie}; ${other}`), identity)
  assertIdentity(t, await verify(`Cookie: ${cookie}`, `Cookie: ${other}`), identity)
  assertIdentity(t, await verify('Cookie: a=b', `Cookie: c=d; ${cookie}`), identity)
  t.assert.strictEqual((await verify(`Cookie: ${forged}; ${cookie}`)).statusCode, 401)
  t.assert.strictEqual(
    (await verify('Authorization: Bearer x', `Authorization: Basic x`, `Cookie: ${cookie}`))
      .statusCode,
    401,
  )
  const padding = 'x'.repeat(15_000)
  assertIdentity(t, await verify(`Cookie: a=${padding}; ${cookie}`), identity)
  t.assert.strictEqual((await verify(`Cookie: session=${padding}`)).statusCode, 401)
  t.assert.strictEqual((await verify(`Authorization: Bearer ${padding}`)).statusCode, 401)
  const tooMuch = await verify(`Cookie: a=${padding}${padding}; ${cookie}`)
  t.assert.strictEqual(tooMuch.statusCode, 431)
})

test('a path that looks like another one is either verified by the operator’s part, or refused', async (t: TestContext) => {
  const { port, cookie } = await serve(t)
  const status = async (target: string) =>
    (await ask(port, `GET ${target} HTTP/1.1`, [`Cookie: ${cookie}`])).statusCode
  for (const [target, expected] of [
    ['/verify/../me', 200],
    ['/verify/%zz', 200],
    ['/verify/%2e%2e/%00', 200],
    ['/verify;role=user//orders/%ff?%zz', 200],
    [`/verify/${'x'.repeat(15_000)}`, 200],
    ['/verify;role=admin/orders?role=user', 403],
    ['/verify;role=admin/../verify', 403],
    ['/verify;role=admin//verify;role=user', 403],
    ['/verify;role=admin/%zz', 403],
    ['/verify;role=admin;role=user', 503],
    ['/verify?role=admin&role=user', 503],
    ['/verify?role=admin/orders?role=user', 503],
    ['/verify?role=admin#', 503],
    ['/verify;role=admin%2forders', 503],
    ['/verify/?role=admin', 503],
    ['http://localhost/verify?role=user', 503],
    ['/%76erify?role=user', 503],
    ['//verify', 404],
    ['/verify%2f', 404],
    ['/VERIFY', 404],
    ['/verifyx', 404],
    ['/me/../verify', 404],
  ] as const) {
    t.assert.strictEqual(await status(target), expected, target)
  }
})

test('a request without Host, or with two, is a 503', async (t: TestContext) => {
  const { port, cookie } = await serve(t)
  for (const hosts of ['', 'Host: a\r\nHost: b\r\n']) {
    const bytes = `GET /verify HTTP/1.1\r\n${hosts}Connection: close\r\nCookie: ${cookie}\r\n\r\n`
    t.assert.strictEqual((await exchange(port, Buffer.from(bytes))).statusCode, 503)
  }
})

test('requests of one connection that are pipelined are answered in order', async (t: TestContext) => {
  const { port, cookie, identity } = await serve(t)
  const { write, answer } = await openRaw(port)
  const request = (lines: string[]) =>
    `${['GET /verify HTTP/1.1', 'Host: x', ...lines].join('\r\n')}\r\n\r\n`
  write(request([`Cookie: ${cookie}`]) + request([]) + request([`Cookie: ${cookie}`]))
  write(request(['Connection: close']))
  const { statusCode, headers, body } = await answer
  const statuses = [
    statusCode,
    ...[...body.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, code]) => Number(code)),
  ]
  t.assert.deepStrictEqual(statuses, [200, 401, 200, 401])
  t.assert.strictEqual(headers['x-gatehouse-user-id'], identity['x-gatehouse-user-id'])
})
