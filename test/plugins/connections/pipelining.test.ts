import { type TestContext, test } from 'node:test'
import { createDatabase } from '../../support/database/database.ts'
import { makeUser, signIn } from '../../support/http/accounts.ts'
import { build } from '../../support/http/build.ts'
import { exchange, listen, openRaw } from '../../support/http/raw-http.ts'
import { until } from '../../support/until.ts'

const DATABASE_URL = await createDatabase()
const get = (path: string, headers = '') =>
  `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`
const LAST = 'Connection: close\r\n'

test('pipelined requests of several kinds are answered in their order', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const port = await listen(app)
  const cookie = await signIn(app, await makeUser(app))
  const body = '{"username":"nobody","password":"not the password"}'
  const post = `POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  const answer = await exchange(
    port,
    Buffer.from(
      [
        get('/me', `Cookie: ${cookie}\r\n`),
        post,
        get('/livez').replace('GET', 'HEAD'),
        get('/me'),
        get('/livez', 'Expect: 100-continue\r\n'),
        get('/nowhere', LAST),
      ].join(''),
    ),
  )
  const all = `HTTP/1.1 ${answer.statusCode}${answer.body}`
  const statuses = [...all.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status)
  t.assert.deepStrictEqual(
    statuses.filter((status) => status !== '100'),
    [...['200', '400', '200', '401', '200', '404']],
  )
})

test('of many pipelined requests, nine at most run at the same time, and those above a hundred are not served', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  let running = 0
  let most = 0
  app.get('/counted', async () => {
    most = Math.max(most, ++running)
    await new Promise((resolve) => setTimeout(resolve, 1))
    running--
    return 'counted'
  })
  const port = await listen(app)
  const answer = await exchange(port, Buffer.from(get('/counted').repeat(300)))
  t.assert.strictEqual(answer.body.match(/counted/g)?.length, 101)
  t.assert.strictEqual(answer.body.match(/connection: close/gi)?.length, 1)
  t.assert.ok(most <= 9, `${most} ran at the same time`)
})

test('while a thousand pipelined requests wait, their connections are not read, and later each of them is answered', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  let received = 0
  app.server.on('request', () => received++)
  let finish: () => void = () => undefined
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })
  app.get('/held', async () => {
    await finished
    return 'late'
  })
  const port = await listen(app)
  const clients = await Promise.all(Array.from({ length: 30 }, () => openRaw(port)))
  for (const client of clients) client.write(get('/held').repeat(60))
  await until(
    () => received === 30 * 60,
    () => `${received} requests are received`,
  )
  // Most connections sent their requests before a thousand waited, and are read once more.
  for (let part = 0; part < 2; part++) {
    for (const client of clients) client.write(get('/held').repeat(10))
    // Its answer comes after the server could have read the others.
    await exchange(port, Buffer.from(get('/livez', LAST)))
  }
  const further = received - 30 * 60
  t.assert.ok(further <= 30 * 10, `${further} further requests are read`)
  finish()
  for (const client of clients) client.write(get('/livez', LAST))
  const answers = await Promise.all(clients.map(({ answer }) => answer))
  t.assert.deepStrictEqual(
    answers.map(({ body }) => body.match(/late/g)?.length),
    answers.map(() => 80),
  )
})

test('pipelined requests, whose client closes the connection, are not begun', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  let begun = 0
  const finish: (() => void)[] = []
  app.get('/held', async () => {
    begun++
    await new Promise<void>((resolve) => finish.push(resolve))
    return 'late'
  })
  const port = await listen(app)
  const client = await openRaw(port)
  client.write(get('/held').repeat(50))
  await until(
    () => begun === 9,
    () => `${begun} have begun`,
  )
  client.close()
  await t.assert.rejects(client.answer)
  await until(
    async () => (await connectionsOf(app)) === 0,
    () => 'the connection is open',
  )
  for (const resolve of finish) resolve()
  t.assert.strictEqual((await exchange(port, Buffer.from(get('/livez', LAST)))).statusCode, 200)
  t.assert.strictEqual(begun, 9)
})

test('pipelined requests, whose client closes the connection, end with an error without a stack, and later errors have one', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  let begun = 0
  const errors: Error[] = []
  app.get('/held', async ({ raw }) => {
    begun++
    raw.once('error', (error) => errors.push(error))
    await new Promise<void>((resolve) => raw.once('close', resolve))
    return 'late'
  })
  const client = await openRaw(await listen(app))
  client.write(get('/held').repeat(5))
  await until(
    () => begun === 5,
    () => `${begun} have begun`,
  )
  client.close()
  await t.assert.rejects(client.answer)
  await until(
    () => errors.length === 5,
    () => `${errors.length} requests have ended with an error`,
  )
  t.assert.deepStrictEqual(
    errors.map(({ stack }) => stack),
    errors.map(() => 'Error: aborted'),
  )
  t.assert.match(new Error('later').stack ?? '', /\n {4}at /)
})

test('a connection with far more pipelined requests than are served is closed at once', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const port = await listen(app)
  const client = await openRaw(port)
  client.write(get('/livez').repeat(1_000))
  await Promise.allSettled([client.answer])
  await until(
    async () => (await connectionsOf(app)) === 0,
    () => 'the connection is open',
  )
  t.assert.strictEqual((await exchange(port, Buffer.from(get('/livez', LAST)))).statusCode, 200)
})

function connectionsOf({ server }: Awaited<ReturnType<typeof build>>['app']): Promise<number> {
  return new Promise((resolve) => server.getConnections((_error, count) => resolve(count)))
}
