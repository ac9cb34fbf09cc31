import { Agent, get } from 'node:http'
import { type TestContext, test } from 'node:test'
import { createDatabase } from '../../support/database/database.ts'
import { build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'
import { listen, openRaw } from '../../support/http/raw-http.ts'
import { until } from '../../support/until.ts'

const DATABASE_URL = await createDatabase()
const QUIET = { quietMs: 100, idleMs: 100 }
const REQUEST = 'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n'

test('connections, of which one never sent a request and one is idle, are closed when the server drains', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const port = await listen(app)
  const silent = await openRaw(port)
  const idle = await openRaw(port)
  idle.write(REQUEST)
  await app.connections.drain(QUIET)
  t.assert.ok(Number.isNaN((await silent.answer).statusCode))
  const answer = await idle.answer
  t.assert.strictEqual(answer.statusCode, 200)
})

test('a request in flight when the server drains is answered, and its keep-alive connection is closed', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  let finish: (() => void) | undefined
  app.get('/held', async () => {
    await new Promise<void>((resolve) => {
      finish = resolve
    })
    return 'answered'
  })
  const port = await listen(app)
  const { write, answer } = await openRaw(port)
  write(REQUEST.replace('/livez', '/held'))
  await until(
    () => finish !== undefined,
    () => 'the request has not begun',
  )
  const drained = app.connections.drain(QUIET)
  finish?.()
  const { statusCode, headers, body } = await answer
  t.assert.deepStrictEqual([statusCode, headers.connection, body], [200, 'close', 'answered'])
  await drained
})

test('a request that arrives on an idle connection while the server drains is answered, with connection: close', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const port = await listen(app)
  const agent = new Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  const first = await ask(port, agent)
  t.assert.deepStrictEqual(first, { status: 200, connection: 'keep-alive', isReused: false })
  const drained = app.connections.drain(QUIET)
  const second = await ask(port, agent)
  t.assert.deepStrictEqual(second, { status: 200, connection: 'close', isReused: true })
  await drained
})

test('readiness turns 503 as soon as the server begins to drain', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  t.assert.strictEqual((await send(app, 'GET', '/readyz')).statusCode, 200)
  const drained = app.connections.drain(QUIET)
  assertError(t, await send(app, 'GET', '/readyz'), 503, 'SHUTTING_DOWN')
  t.assert.strictEqual((await send(app, 'GET', '/livez')).statusCode, 200)
  await drained
})

function ask(port: number, agent: Agent) {
  return new Promise((resolve, reject) => {
    const request = get({ port, host: '127.0.0.1', path: '/livez', agent }, (response) => {
      const { statusCode: status, headers } = response
      response.resume()
      response.on('end', () =>
        resolve({ status, connection: headers.connection, isReused: request.reusedSocket }),
      )
    })
    request.on('error', reject)
  })
}
