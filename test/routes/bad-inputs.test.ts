import { type TestContext, test } from 'node:test'
import { sessions, tokens, users } from '../../db/schema.ts'
import { createDatabase } from '../support/database/database.ts'
import { type Account, makeUser, signIn } from '../support/http/accounts.ts'
import { type App, build } from '../support/http/build.ts'
import { assertError } from '../support/http/error-answer.ts'
import { badAccess } from './bad-inputs/access.ts'
import { type BadInput, OPERATIONS, PASSWORD } from './bad-inputs/bad-input.ts'
import { badBodies } from './bad-inputs/bodies.ts'
import { badFields } from './bad-inputs/fields.ts'
import { badIds } from './bad-inputs/ids.ts'

const DATABASE_URL = await createDatabase()
const JSON_TYPE = { 'content-type': 'application/json' }

for (const [subject, inputs] of Object.entries({
  'bad body': badBodies,
  'bad field': badFields,
  'bad id': badIds,
  'bad token or update': badAccess,
})) {
  test(`every ${subject} is refused with its code and changes no row`, async (t: TestContext) => {
    const { app } = await build(t, { DATABASE_URL })
    const actors = { user: await enter(app, 'user'), admin: await enter(app, 'admin') }
    const before = await storedRows(app)
    for (const input of inputs) {
      const { operation, name, expected } = input
      await t.test(`${operation} with ${name} returns ${expected[1]}`, async (t: TestContext) => {
        const { role } = OPERATIONS[operation]
        const answer = await ask(app, input, role && actors[role])
        const [status, code, paths, says] = expected
        assertError(t, answer, status, code, paths)
        if (says) t.assert.match(answer.json().message, says)
        t.assert.strictEqual(answer.headers['set-cookie'], undefined)
      })
    }
    t.assert.deepStrictEqual(await storedRows(app), before)
  })
}

test('the table of bad inputs has no row twice', (t: TestContext) => {
  const names = [...badBodies, ...badFields, ...badIds, ...badAccess].map(
    ({ operation, name }) => `${operation}, ${name}`,
  )
  t.assert.strictEqual(new Set(names).size, names.length)
})

test('a body of 16 KiB, with a byte order mark or with a charset is accepted', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { username, password } = await makeUser(app)
  const credentials = JSON.stringify({ username, password })
  for (const [payload, type] of [
    [credentials.padEnd(16 * 1024), 'application/json'],
    [`\ufeff${credentials}`, 'application/json'],
    [credentials, 'application/json; charset=utf-8'],
    [credentials, 'Application/JSON'],
  ] as const) {
    const headers = { 'content-type': type }
    const response = await app.inject({ method: 'POST', url: '/login', headers, payload })
    t.assert.strictEqual(response.statusCode, 200, response.body)
  }
})

test('the largest ids are valid', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const headers = { cookie: (await enter(app, 'user')).cookie }
  for (const id of [
    '9007199254740991',
    '9007199254740990',
    '9007199254740989',
    '999999999999999',
  ]) {
    const answer = await app.inject({ method: 'GET', url: `/user/${id}`, headers })
    assertError(t, answer, 404, 'USER_NOT_FOUND')
  }
})

test('a password change to the own username in another case is refused with the reason', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { id, username, cookie } = await enter(app, 'user')
  const input = {
    operation: 'updatePassword',
    name: 'the own name',
    body: { password: username.toUpperCase() },
    expected: [400, 'PASSWORD_REFUSED'],
  } as const
  const answer = await ask(app, input, { id, cookie })
  assertError(t, answer, 400, 'PASSWORD_REFUSED', ['body.password'])
  t.assert.match(answer.json().message, /is the username/)
  t.assert.strictEqual(
    (await ask(app, { ...input, body: { password: PASSWORD } }, { id, cookie })).statusCode,
    200,
  )
})

async function enter(app: App, role: 'user' | 'admin'): Promise<Account & { cookie: string }> {
  const account = await makeUser(app, role)
  return { ...account, cookie: await signIn(app, account) }
}

function ask(
  app: App,
  { operation, body, headers = JSON_TYPE, id }: BadInput,
  actor: { id: number; cookie: string } | undefined,
) {
  const { method, url } = OPERATIONS[operation]
  const isRaw = typeof body === 'string' || Buffer.isBuffer(body)
  return app.inject({
    method,
    url: url.replace(':own', id ?? String(actor?.id)),
    headers: { ...headers, ...(actor && { cookie: actor.cookie }) },
    ...(body !== undefined && { payload: isRaw ? body : JSON.stringify(body) }),
  })
}

/** The rows of the tables that requests change. Failed logins are counted in other tables. */
function storedRows({ db }: App) {
  return Promise.all(
    [users, sessions, tokens].map((table) => db.select().from(table).orderBy(table.id)),
  )
}
