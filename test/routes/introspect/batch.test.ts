import { type TestContext, test } from 'node:test'
import { createDatabase } from '../../support/database/database.ts'
import { statementsDuring } from '../../support/database/statements.ts'
import { giveToken, makeService, makeUser, signIn } from '../../support/http/accounts.ts'
import { type App, build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'

const DATABASE_URL = await createDatabase()

async function inspector(app: App) {
  const { headers } = await giveToken(app, await makeService(app), { scopes: ['introspect'] })
  return (credentials: unknown) =>
    send(app, 'POST', '/introspect/batch', { headers, body: { credentials } })
}

test('results are in the order of the credentials, with duplicates and unknown ones, by one query', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const inspect = await inspector(app)
  const accounts = await Promise.all(Array.from({ length: 20 }, () => makeUser(app)))
  const credentials: { token: string }[] = []
  const expected: (string | undefined)[] = []
  for (const account of accounts) {
    const { secret } = await giveToken(app, account)
    const [, cookie = ''] = (await signIn(app, account)).split('=')
    credentials.push({ token: secret }, { token: 'gh_no' }, { token: cookie }, { token: secret })
    credentials.push({ token: '' })
    expected.push(
      ...[String(account.id), undefined, String(account.id), String(account.id), undefined],
    )
  }
  t.assert.strictEqual(credentials.length, 100)
  await inspect(credentials) // connects
  const { result, statements } = await statementsDuring(() => inspect(credentials))
  t.assert.strictEqual(result.statusCode, 200, result.body)
  const { results } = result.json()
  t.assert.deepStrictEqual(
    results.map(({ sub }: { sub?: string }) => sub),
    expected,
  )
  t.assert.strictEqual(statements.length, 2, 'one for the caller, one for all credentials')
})

test('each result is that of a single inspection', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { headers } = await giveToken(app, await makeService(app), { scopes: ['introspect'] })
  const service = await makeService(app, { addressRanges: ['192.0.2.0/24'] })
  const { secret } = await giveToken(app, service, { scopes: ['orders:read'] })
  const credentials = [
    { token: secret, address: '192.0.2.1' },
    { token: secret, address: '192.0.3.1' },
    { token: secret },
  ]
  const body = { credentials }
  const { results } = (await send(app, 'POST', '/introspect/batch', { headers, body })).json()
  t.assert.deepStrictEqual(
    results.map(({ active }: { active: boolean }) => active),
    [true, false, false],
  )
  for (const [index, form] of credentials.entries()) {
    const single = await send(app, 'POST', '/introspect', { headers, form })
    t.assert.deepStrictEqual(single.json(), results[index])
  }
})

test('one malformed credential does not fail the others', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const inspect = await inspector(app)
  const account = await makeUser(app)
  const { secret } = await giveToken(app, account)
  const texts = ['x'.repeat(8_000), '\u0000', 'gh_', "'; --", '%', secret]
  const answer = await inspect(texts.map((token) => ({ token })))
  t.assert.deepStrictEqual(
    answer.json().results.map(({ active }: { active: boolean }) => active),
    [false, false, false, false, false, true],
  )
})

test('a batch of malformed credentials alone causes no query of its own', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const inspect = await inspector(app)
  await inspect([{ token: 'x' }])
  const { result, statements } = await statementsDuring(() => inspect([{ token: 'x' }]))
  t.assert.deepStrictEqual(result.json(), { results: [{ active: false }] })
  t.assert.strictEqual(statements.length, 1)
})

test('a batch has 1 to 100 credentials', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const inspect = await inspector(app)
  const some = (length: number) =>
    Array.from({ length }, () => ({ token: app.tokenFormat.create() }))
  t.assert.strictEqual((await inspect(some(100))).statusCode, 200)
  for (const credentials of [some(101), [], undefined, 'x', {}]) {
    assertError(t, await inspect(credentials), 400, 'VALIDATION_FAILED', ['body.credentials'])
  }
  for (const [credential, path] of [
    [{}, 'body.credentials.0.token'],
    [{ token: 1 }, 'body.credentials.0.token'],
    [{ token: 'a', address: 'x' }, 'body.credentials.0.address'],
    [{ token: 'a', hint: 'x' }, 'body.credentials.0.hint'],
  ] as const) {
    assertError(t, await inspect([credential]), 400, 'VALIDATION_FAILED', [path])
  }
})
