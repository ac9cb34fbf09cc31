import { type TestContext, test } from 'node:test'
import { desc, eq } from 'drizzle-orm'
import { events, tokens } from '../../../db/schema.ts'
import { createDatabase } from '../../support/database/database.ts'
import {
  giveToken,
  makeService,
  makeUser,
  signInAdmin,
  storedUser,
} from '../../support/http/accounts.ts'
import { build, send } from '../../support/http/build.ts'
import { assertError } from '../../support/http/error-answer.ts'

const DATABASE_URL = await createDatabase()

test('a token of a service works from its address ranges only, in both forms of an IPv4 address', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookie = await signInAdmin(app)
  const service = await makeService(app, { addressRanges: ['192.0.2.0/24', '2001:db8::7'] })
  const { headers, id } = await giveToken(app, service)
  const statusFrom = async (remoteAddress: string) =>
    (await app.inject({ method: 'GET', url: '/me', headers, remoteAddress })).statusCode
  for (const [address, status] of [
    ['192.0.2.9', 200],
    ['::ffff:192.0.2.9', 200],
    ['2001:db8::7', 200],
    ['192.0.3.9', 401],
    ['2001:db8::8', 401],
    ['::ffff:192.0.3.9', 401],
  ] as const) {
    t.assert.strictEqual(await statusFrom(address), status, address)
  }
  await app.lastUsed.flush()
  t.assert.ok((await app.db.select().from(tokens).where(eq(tokens.id, id)))[0]?.lastUsedAt)

  const change = async (addressRanges: string[] | null) =>
    send(app, 'PATCH', `/user/${service.id}`, { cookie, body: { addressRanges } })
  t.assert.deepStrictEqual((await change(['192.0.3.0/24'])).json().addressRanges, ['192.0.3.0/24'])
  t.assert.strictEqual(await statusFrom('192.0.2.9'), 401)
  t.assert.strictEqual(await statusFrom('192.0.3.9'), 200)
  t.assert.strictEqual((await change(null)).json().addressRanges, null)
  t.assert.strictEqual(await statusFrom('198.51.100.1'), 200)
  const [event] = await app.db
    .select()
    .from(events)
    .where(eq(events.userId, service.id))
    .orderBy(desc(events.id))
  t.assert.deepStrictEqual(JSON.parse(event?.detail ?? ''), { addressRanges: 'any' })
})

test('a malformed address range is a 400 that names it', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookie = await signInAdmin(app)
  const service = await makeService(app)
  for (const range of [
    ...[
      '',
      '10.0.0.0/33',
      '10.0.0/8',
      '10.0.0.0/08',
      '10.0.0.0/',
      '10.0.0.0/8/8',
      '2001:db8::/129',
    ],
    ...['fe80::1%eth0', 'localhost', '10.0.0.1 10.0.0.2', '010.0.0.1', '::ffff:1.2.3.4/-1'],
  ]) {
    const addressRanges = ['192.0.2.1', range]
    for (const answer of [
      await send(app, 'PATCH', `/user/${service.id}`, { cookie, body: { addressRanges } }),
      await send(app, 'POST', '/users', {
        cookie,
        body: { kind: 'service', username: 'x', addressRanges },
      }),
    ]) {
      assertError(t, answer, 400, 'VALIDATION_FAILED', ['body.addressRanges.1'])
    }
  }
  for (const addressRanges of [
    [],
    ['10.0.0.1', '10.0.0.1'],
    Array.from({ length: 11 }, (_, n) => `10.0.0.${n}`),
  ]) {
    const answer = await send(app, 'PATCH', `/user/${service.id}`, {
      cookie,
      body: { addressRanges },
    })
    assertError(t, answer, 400, 'VALIDATION_FAILED', ['body.addressRanges'])
  }
  const person = await makeUser(app)
  const body = { addressRanges: ['10.0.0.1'] }
  const answer = await send(app, 'PATCH', `/user/${person.id}`, { cookie, body })
  assertError(t, answer, 409, 'NOT_A_SERVICE')
})

test('the longest list of ranges is stored and recorded while tokens end', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const cookie = await signInAdmin(app)
  const service = await makeService(app)
  for (let made = 0; made < 21; made++) await giveToken(app, service)
  const addressRanges = Array.from(
    { length: 10 },
    (_, index) => `2001:0db8:0000:0000:0000:0000:0000:${index}000/128`,
  )
  const body = { addressRanges, disabled: true, role: 'user' }
  const answer = await send(app, 'PATCH', `/user/${service.id}`, { cookie, body })
  t.assert.strictEqual(answer.statusCode, 200, answer.body)
  t.assert.deepStrictEqual((await storedUser(app, service.id))?.addressRanges, addressRanges)
})
