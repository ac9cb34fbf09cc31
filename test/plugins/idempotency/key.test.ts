import { type TestContext, test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { idempotentResponses, tokens } from '../../../db/schema.ts'
import { KEY_SCHEMA, readKey } from '../../../plugins/idempotency/key.ts'
import { createDatabase } from '../../support/database/database.ts'
import { makeUser, signIn } from '../../support/http/accounts.ts'
import { build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'
import { listen, openRaw } from '../../support/http/raw-http.ts'

const DATABASE_URL = await createDatabase()
const isDocumented = new Ajv2020().compile(KEY_SCHEMA)

function read(...values: string[]) {
  const rawHeaders = values.flatMap((value) => ['Idempotency-Key', value])
  const headers = values.length > 0 ? { 'idempotency-key': values.join(', ') } : {}
  return readKey({ headers, rawHeaders })
}

test('a key is read with and without quotes, as the same text', (t: TestContext) => {
  t.assert.strictEqual(read(), undefined)
  const accepted: [sent: string, key: string][] = [
    ['abc', 'abc'],
    ['"abc"', 'abc'],
    ['"a \\"b\\" \\\\c"', 'a "b" \\c'],
    ['a\\b, c', 'a\\b, c'],
    ['x'.repeat(255), 'x'.repeat(255)],
    [`"${'\\"'.repeat(255)}"`, '"'.repeat(255)],
  ]
  for (const [sent, key] of accepted) {
    t.assert.strictEqual(read(sent), key)
    t.assert.ok(isDocumented(sent), sent)
  }
})

const REFUSED = [
  '',
  '""',
  '"',
  'a"b',
  '"a',
  'a"',
  '"a"b"',
  '"\\a"',
  '"a\\"',
  'é',
  'a\tb',
  '"a";b=1',
]
const TOO_LONG = ['x'.repeat(256), `"${'x'.repeat(256)}"`, `"${'\\\\'.repeat(256)}"`]

for (const value of [...REFUSED, ...TOO_LONG]) {
  test(`the key ${JSON.stringify(value.slice(0, 12))} of ${value.length} characters is refused`, (t: TestContext) => {
    t.assert.throws(() => read(value), { code: 'VALIDATION_FAILED' })
    t.assert.ok(!isDocumented(value))
  })
}

test('a request with a bad key is a 400 that names the header, and changes nothing', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookie = await signIn(app, await makeUser(app))
  for (const value of ['', 'a"', 'x'.repeat(256)]) {
    const headers = { 'idempotency-key': value }
    const answer = await send(app, 'POST', '/tokens', { cookie, body: { name: 'one' }, headers })
    assertError(t, answer, 400, 'VALIDATION_FAILED', ['headers.idempotency-key'])
  }
  t.assert.strictEqual(await app.db.$count(tokens), 0)
  t.assert.strictEqual(await app.db.$count(idempotentResponses), 0)
})

test('a request with two keys is a 400, also if both are the same', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookie = await signIn(app, await makeUser(app))
  const body = JSON.stringify({ name: 'one' })
  const { write, answer } = await openRaw(await listen(app))
  write(
    `POST /tokens HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncookie: ${cookie}\r\n` +
      'idempotency-key: abc\r\nIdempotency-Key: abc\r\n' +
      `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  )
  assertError(t, await answer, 400, 'VALIDATION_FAILED', ['headers.idempotency-key'])
  t.assert.strictEqual(await app.db.$count(tokens), 0)
})

test('a quoted key and the same key without quotes have the same answer', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookie = await signIn(app, await makeUser(app))
  const create = (key: string) => {
    const headers = { 'idempotency-key': key }
    return send(app, 'POST', '/tokens', { cookie, body: { name: 'one' }, headers })
  }
  const first = await create('"8e03978e-40d5-43e8-bc93-6894a57f9324"')
  const second = await create('8e03978e-40d5-43e8-bc93-6894a57f9324')
  t.assert.strictEqual(first.statusCode, 200, first.body)
  t.assert.strictEqual(second.body, first.body)
})
