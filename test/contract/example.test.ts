import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { idempotentResponses } from '../../db/schema.ts'
import { createDatabase } from '../support/database/database.ts'
import { makeUser } from '../support/http/accounts.ts'
import { install } from '../support/process/installation.ts'
import { serve } from './sdk.ts'

const EXAMPLE = 'examples/typescript/main.ts'
const MORE_THAN_A_PAGE = 101

test('the example client waits after a 503 and after a 429, and lists all accounts', async (t: TestContext) => {
  const { app, url, log } = await serve(t, {
    DATABASE_URL: await createDatabase(),
    HASH_CONCURRENCY: 1,
    HASH_QUEUE: 0,
    BCRYPT_COST: 10,
    RATE_LIMIT_ENABLED: true,
    RATE_LIMIT_MAX: 3, // two logins, of which one is refused, and the first page of the list
    RATE_LIMIT_WINDOW: 5,
  })
  const admin = await makeUser(app, 'admin')
  for (let made = 1; made < MORE_THAN_A_PAGE; made++) await makeUser(app)
  const site = await install(t)
  const statusesOf = () =>
    log.lines.filter(({ msg }) => msg === 'request').map(({ status }) => status)

  const example = site.run(EXAMPLE, [url, admin.username], { GATEHOUSE_PASSWORD: admin.password })
  while (!statusesOf().includes(503)) {
    const payload = { username: `u-${randomUUID()}`, password: 'a lamp in the far window' }
    await app.inject({ method: 'POST', url: '/user', payload, remoteAddress: '192.0.2.1' })
  }
  const { code, stdout, stderr } = await example
  t.assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: '' })
  t.assert.match(stdout, new RegExp(`^Logged in. ${admin.username} is admin.\n[0-9]+ u-`))
  const counted = Number(/(\d+) accounts\.\n$/.exec(stdout)?.[1])
  t.assert.ok(counted >= MORE_THAN_A_PAGE, stdout)
  t.assert.ok(statusesOf().includes(429))
  // The creation of a token, and its end: a login and a logout take no key.
  t.assert.strictEqual(await app.db.$count(idempotentResponses), 2)
})

test('the example client has fewer than 60 lines', (t: TestContext) => {
  t.assert.ok(readFileSync(EXAMPLE, 'utf8').trimEnd().split('\n').length < 60)
})
