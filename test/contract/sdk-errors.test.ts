import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Error as ErrorBody, ErrorCode } from '../../examples/typescript/api.d.ts'
import { errors } from '../../plugins/errors/errors.ts'
import { makeUser } from '../support/accounts.ts'
import { createDatabase } from '../support/database.ts'
import { createDatabaseLink } from '../support/database-link.ts'
import { query } from '../support/query.ts'
import { openRaw } from '../support/raw-http.ts'
import { clientOf, Log, serve, signedIn } from './sdk.ts'

const DATABASE_URL = await createDatabase()
const PASSWORD = 'a kettle on the quiet stove'

const log = new Log()

/** What an operation of the client resolves with. */
interface Answer {
  error?: ErrorBody | undefined
  response: Response
}

const newAccount = () => ({ username: `u-${randomUUID()}`, password: PASSWORD })
const missing = { path: { id: Number.MAX_SAFE_INTEGER } }

test('the client, of nobody, refused for what it sent, is told the code of the reason', async (t: TestContext) => {
  const { app, url } = await serve(t, { DATABASE_URL })
  const { username } = await makeUser(app)
  const anybody = clientOf(url, log)
  await assertRefusals(t, {
    INVALID_CREDENTIALS: () => anybody.POST('/login', { body: { username, password: PASSWORD } }),
    PASSWORD_REFUSED: () => anybody.POST('/user', { body: { ...newAccount(), password: 'short' } }),
    USERNAME_TAKEN: () => anybody.POST('/user', { body: { username, password: PASSWORD } }),
    UNAUTHENTICATED: () => anybody.GET('/me'),
  })
})

for (const by of ['cookie', 'token'] as const) {
  test(`the client, by ${by}, refused for what it sent, is told the code of the reason`, async (t: TestContext) => {
    const { app, url } = await serve(t, { DATABASE_URL })
    const [account, admin] = [await makeUser(app), await makeUser(app, 'admin')]
    const user = await signedIn(log, url, account, by)
    const boss = await signedIn(log, url, admin, by)
    const ended = await signedIn(log, url, account, by)
    await ended.POST('/logout')
    const own = { path: { id: account.id } }
    const change = (more: object) => boss.PATCH('/user/{id}', { params: own, body: {}, ...more })

    await assertRefusals(t, {
      UNAUTHENTICATED: () => ended.GET('/me'),
      VALIDATION_FAILED: () => user.GET('/user/{id}', { params: { path: { id: 0 } } }),
      INVALID_JSON: () => change({ bodySerializer: () => '{' }),
      BODY_TOO_LARGE: () => change({ bodySerializer: () => 'x'.repeat(20_000) }),
      UNSUPPORTED_MEDIA_TYPE: () => change({ headers: { 'content-type': 'text/plain' } }),
      BAD_REQUEST: () =>
        user.GET('/user/{id}', { params: own, pathSerializer: () => `${url}/user/%zz` }),
      HEADERS_TOO_LARGE: () => user.GET('/me', { headers: { 'x-filler': 'x'.repeat(20_000) } }),
      NOT_PERMITTED: () => user.GET('/users'),
      CROSS_SITE: () => user.POST('/logout', { headers: { 'sec-fetch-site': 'cross-site' } }),
      USER_NOT_FOUND: () => user.GET('/user/{id}', { params: missing }),
      SESSION_NOT_FOUND: () => user.DELETE('/sessions/{id}', { params: missing }),
      OWN_ACCOUNT: () => boss.DELETE('/user/{id}', { params: { path: { id: admin.id } } }),
      PRECONDITION_FAILED: () =>
        boss.DELETE('/user/{id}', { params: { ...own, header: { 'if-match': 'W/"2"' } } }),
      // What the client's types don't offer.
      ROUTE_NOT_FOUND: () => user.GET('/nothing' as '/me'),
      METHOD_NOT_ALLOWED: () => user.DELETE('/me' as '/sessions'),
    })
    const setPassword = (body: { password: string; currentPassword?: string }) =>
      user.PUT('/user/update-password/{id}', { params: own, body })
    if (by === 'token') await assertRefusals(t, { SESSION_REQUIRED: () => user.GET('/tokens') })
    else {
      await assertRefusals(t, {
        TOKEN_NOT_FOUND: () => user.DELETE('/tokens/{id}', { params: missing }),
        PASSWORD_MISSING: () => setPassword({ password: '' }),
        PASSWORD_REFUSED: () => setPassword({ password: 'short' }),
        WRONG_CURRENT_PASSWORD: () => setPassword({ password: PASSWORD, currentPassword: 'wrong' }),
      })
    }
  })
}

test('the client, refused for how much it asks, is told the code of the reason and when to try again', async (t: TestContext) => {
  const limited = await serve(t, { DATABASE_URL, RATE_LIMIT_ENABLED: true, RATE_LIMIT_MAX: 1 })
  await clientOf(limited.url, log).GET('/')

  const slow = { BCRYPT_COST: 12, HASH_CONCURRENCY: 1, HASH_QUEUE: 0 }
  const busy = await serve(t, { DATABASE_URL, ...slow })
  const register = () =>
    clientOf(busy.url, log).POST('/user', {
      body: { username: `u-${randomUUID()}`, password: PASSWORD },
    })

  const { username } = await makeUser(limited.app)
  const throttled = clientOf((await serve(t, { DATABASE_URL })).url, log)
  const login = { body: { username, password: PASSWORD } }
  for (let failures = 0; failures < 10; failures++) await throttled.POST('/login', login)

  const answers = await assertRefusals(t, {
    TOO_MANY_REQUESTS: () => clientOf(limited.url, log).GET('/'),
    HASH_CAPACITY: async () => {
      const [first, second] = await Promise.all([register(), register()])
      return first.error ? first : second
    },
    LOGIN_THROTTLED: () => throttled.POST('/login', login),
  })
  for (const { response } of answers) {
    t.assert.match(response.headers.get('retry-after') ?? '', /^[1-9][0-9]*$/)
  }
})

test('the client, whose body never ends, is told so', async (t: TestContext) => {
  const { app, url } = await serve(t, { DATABASE_URL })
  app.server.requestTimeout = 100
  const endless = { body: new ReadableStream(), duplex: 'half' as const }
  await assertRefusals(t, {
    REQUEST_TIMEOUT: () =>
      clientOf(url, log).POST('/login', {
        body: { username: 'alice', password: PASSWORD },
        fetch: (request) =>
          fetch(new Request(request.url, { ...endless, method: 'POST', headers: request.headers })),
      }),
  })
})

test('the client, where the server is at fault, is told no more than that', async (t: TestContext) => {
  const broken = await createDatabase()
  const { url } = await serve(t, { DATABASE_URL: broken, failing: true })
  const account = { username: `u-${randomUUID()}`, password: PASSWORD }
  await clientOf(url, log).POST('/user', { body: account })
  const user = await signedIn(log, url, account, 'cookie')
  await query(broken, 'DELETE FROM __drizzle_migrations')
  await query(broken, 'ALTER TABLE tokens MODIFY name VARCHAR(1)')
  await assertRefusals(t, {
    SCHEMA_OUTDATED: () => user.GET('/readyz'),
    INTERNAL_ERROR: () => user.POST('/tokens', { body: { name: 'too long by now' } }),
  })
  await query(broken, 'DROP TABLE tokens')
  await assertRefusals(t, { SERVICE_UNAVAILABLE: () => user.GET('/tokens') })
})

test('the client, probing a server that loses its database or closes, gets the code of the condition', async (t: TestContext) => {
  const link = await createDatabaseLink(DATABASE_URL)
  const { app, url } = await serve(t, { DATABASE_URL: link.url })
  const client = clientOf(url, log)
  await link.cut()
  await assertRefusals(t, { DATABASE_UNAVAILABLE: () => client.GET('/readyz') })

  // A request that has begun before the server closes: a later one finds no server.
  const begun = await openRaw(Number(new URL(url).port))
  begun.write('GET /readyz HTTP/1.1\r\n')
  t.assert.ok((await client.GET('/livez')).data)
  const closed = app.close()
  await nextTurn()
  await assertRefusals(t, {
    SHUTTING_DOWN: () =>
      client.GET('/readyz', {
        fetch: async () => {
          begun.write('Host: localhost\r\n\r\n')
          const { statusCode, headers, body } = await begun.answer
          return new Response(body, { status: statusCode, headers })
        },
      }),
  })
  await closed
})

test('the client has been told every code that there is', (t: TestContext) => {
  t.diagnostic([...log.codes].join(', '))
  t.assert.deepStrictEqual([...log.codes].sort(), Object.keys(errors).sort())
})

/** Asks one after the other, and asserts that each is refused by its code and that code's status. */
async function assertRefusals(
  t: TestContext,
  refusals: Partial<Record<ErrorCode, () => Promise<Answer>>>,
): Promise<Answer[]> {
  const answers: Answer[] = []
  for (const [code, ask] of Object.entries(refusals)) {
    const answer = await ask()
    t.assert.strictEqual(answer.error?.code, code)
    t.assert.strictEqual(answer.response.status, answer.error?.statusCode)
    if (answer.error) log.codes.add(answer.error.code)
    answers.push(answer)
  }
  return answers
}
