import { once } from 'node:events'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ErrorCode } from '../../../plugins/errors/errors.ts'
import { createDatabase } from '../../support/database/database.ts'
import { countRows } from '../../support/http/accounts.ts'
import { type App, build } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'
import { exchange, listen, openRaw } from '../../support/http/raw-http.ts'
import { assertSecured } from '../../support/http/security-headers.ts'

const DATABASE_URL = await createDatabase()
const HOST = 'Host: localhost\r\n'
const JSON_BODY = 'Content-Type: application/json\r\n'
const CHUNKED = `POST /login HTTP/1.1\r\n${HOST}${JSON_BODY}Transfer-Encoding: chunked\r\n\r\n`
const SECRET = 'hush-hush-hush'

const REFUSED: [circumstance: string, status: number, code: ErrorCode, bytes: string][] = [
  ['that is not HTTP', 400, 'BAD_REQUEST', `${SECRET}\r\n\r\n`],
  ['of another version', 400, 'BAD_REQUEST', `GET /livez HTTP/9.9\r\n${HOST}\r\n`],
  ['with an unknown method', 400, 'BAD_REQUEST', `NOTHING /livez HTTP/1.1\r\n${HOST}\r\n`],
  ['that begins TLS', 400, 'BAD_REQUEST', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  [
    'with a header without a colon',
    400,
    'BAD_REQUEST',
    `GET / HTTP/1.1\r\n${HOST}no colon\r\n\r\n`,
  ],
  ['with a NUL in a header', 400, 'BAD_REQUEST', `GET / HTTP/1.1\r\n${HOST}X: a\0b\r\n\r\n`],
  ['by CONNECT', 400, 'BAD_REQUEST', `CONNECT /me HTTP/1.1\r\n${HOST}\r\n`],
  [
    'with two Hosts',
    400,
    'BAD_REQUEST',
    `GET / HTTP/1.1\r\n${HOST}${HOST}Connection: close\r\n\r\n`,
  ],
  ['without Host', 400, 'BAD_REQUEST', 'GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n'],
  [
    'with an invalid length',
    400,
    'BAD_REQUEST',
    `POST / HTTP/1.1\r\n${HOST}Content-Length: x\r\n\r\n`,
  ],
  [
    'with two lengths',
    400,
    'BAD_REQUEST',
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`,
  ],
  [
    'with a length and chunks',
    400,
    'BAD_REQUEST',
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  [
    'with headers of 17 KiB',
    431,
    'HEADERS_TOO_LARGE',
    `GET / HTTP/1.1\r\n${HOST}X: ${'x'.repeat(17_000)}\r\n\r\n`,
  ],
  [
    'with an address of 17 KiB',
    431,
    'HEADERS_TOO_LARGE',
    `GET /${'x'.repeat(17_000)} HTTP/1.1\r\n${HOST}\r\n`,
  ],
  ['with a bad chunk', 400, 'BAD_REQUEST', `${CHUNKED}nonsense\r\n`],
  [
    'with a chunk extension of 17 KiB',
    413,
    'BODY_TOO_LARGE',
    `${CHUNKED}1;${'x'.repeat(17_000)}\r\nx`,
  ],
]

for (const [circumstance, status, code, bytes] of REFUSED) {
  test(`a request ${circumstance} gets an error in the common shape, and the server goes on`, async (t: TestContext) => {
    const { app, log } = await build(t, { DATABASE_URL })
    const port = await listen(app)
    const before = await countRows(app)
    const answer = await exchange(port, Buffer.from(bytes, 'latin1'))
    assertError(t, answer, status, code)
    assertSecured(t, answer.headers)
    t.assert.strictEqual(answer.headers.connection, 'close')
    t.assert.strictEqual(answer.headers['content-length'], String(answer.body.length))
    t.assert.ok(!log.text.includes(SECRET))
    await assertServes(t, app, port)
    t.assert.deepStrictEqual(await countRows(app), before)
  })
}

test('a request whose headers do not arrive in time gets a 408 in the common shape', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  app.server.headersTimeout = 100
  app.server.requestTimeout = 200
  // Node looks for late requests this often, and has no typed way to change it afterwards.
  Object.assign(app.server, { connectionsCheckingInterval: 50 })
  const port = await listen(app)
  for (const begun of [`GET /livez HTTP/1.1\r\n${HOST}`, `${CHUNKED}5\r\n{`]) {
    const { write, answer } = await openRaw(port)
    write(begun)
    const late = await answer
    assertError(t, late, 408, 'REQUEST_TIMEOUT')
    assertSecured(t, late.headers)
    t.assert.strictEqual(late.headers.connection, 'close')
  }
  Object.assign(app.server, { headersTimeout: 0, requestTimeout: 0 })
  await assertServes(t, app, port)
})

test('a connection that sends more after a refused request is logged once, and gets one response', async (t: TestContext) => {
  const { app, log } = await build(t, { DATABASE_URL })
  const port = await listen(app)
  const body = JSON.stringify({ username: 'nobody', password: 'correct horse battery' })
  const { write, answer } = await openRaw(port)
  write(`POST /login HTTP/1.1\r\n${HOST}${JSON_BODY}Content-Length: ${body.length}\r\n\r\n${body}`)
  for (let chunk = 0; chunk < 20; chunk++) {
    write('x\r\n')
    await sleep(1) // so that each is a chunk of its own
  }
  const { body: rest } = await answer
  t.assert.strictEqual(rest.match(/HTTP\/1\.1 400/g)?.length, 1, rest)
  const refused = log.lines.filter(({ msg }) => msg === 'request refused before routing')
  t.assert.strictEqual(refused.length, 1)
})

test('a request that is answered before its body is complete gets no second response when it times out', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  app.server.headersTimeout = 100
  app.server.requestTimeout = 200
  Object.assign(app.server, { connectionsCheckingInterval: 50 })
  const port = await listen(app)
  const { write, answer } = await openRaw(port)
  write(CHUNKED.replace('/login', '/nowhere'))
  const { statusCode, body } = await answer
  t.assert.strictEqual(statusCode, 404)
  t.assert.ok(!body.includes('HTTP/1.1'), body)
})

test('a request with an unsupported Expect header is served', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const port = await listen(app)
  const bytes = `GET /livez HTTP/1.1\r\n${HOST}Expect: nonsense\r\nConnection: close\r\n\r\n`
  const answer = await exchange(port, Buffer.from(bytes))
  t.assert.strictEqual(answer.statusCode, 200)
  assertSecured(t, answer.headers)
})

test('a connection that is reset or idle logs no error', async (t: TestContext) => {
  const { app, log } = await build(t, { DATABASE_URL })
  const port = await listen(app)
  for (const bytes of ['', 'GET /livez HTTP/1.1\r\n', `${CHUNKED}5\r\n`]) {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    socket.write(bytes)
    await sleep(20)
    socket.resetAndDestroy()
  }
  await assertServes(t, app, port)
  t.assert.deepStrictEqual(
    log.lines.filter(({ level }) => level > 30),
    [],
  )
})

async function assertServes(t: TestContext, app: App, port: number): Promise<void> {
  const bytes = `GET /livez HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`
  t.assert.strictEqual((await exchange(port, Buffer.from(bytes))).statusCode, 200)
  t.assert.ok(app.server.listening)
}

test('a request that is followed by invalid bytes is answered before they are', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const port = await listen(app)
  const body = '{"username":"nobody","password":"not the password"}'
  const head = `POST /login HTTP/1.1\r\n${HOST}${JSON_BODY}Content-Length: ${body.length}\r\n\r\n`
  const answer = await exchange(port, Buffer.from(`${head}${body}}}}`))
  t.assert.strictEqual(answer.statusCode, 400)
  const codes = [...answer.body.matchAll(/"code":"([A-Z_]+)"/g)].map(([, code]) => code)
  t.assert.deepStrictEqual(codes, ['INVALID_CREDENTIALS', 'BAD_REQUEST'])
})

test('a request that is followed by one with an invalid body is answered first', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const port = await listen(app)
  const body = '{"username":"nobody","password":"not the password"}'
  const head = `POST /login HTTP/1.1\r\n${HOST}${JSON_BODY}Content-Length: ${body.length}\r\n\r\n`
  const answer = await exchange(port, Buffer.from(`${head}${body}${CHUNKED}nonsense\r\n`))
  const codes = [...answer.body.matchAll(/"code":"([A-Z_]+)"/g)].map(([, code]) => code)
  t.assert.deepStrictEqual(codes, ['INVALID_CREDENTIALS', 'BAD_REQUEST'])
})
