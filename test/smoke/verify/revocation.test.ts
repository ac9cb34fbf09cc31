import { type TestContext, test } from 'node:test'
import { createDatabase } from '../../support/database/database.ts'
import {
  type Account,
  giveToken,
  makeUser,
  signIn,
  storedSessions,
  storedTokens,
} from '../../support/http/accounts.ts'
import { type App, build, TEST_SECRET } from '../../support/http/build.ts'
import { install, startServer } from '../../support/process/installation.ts'

/** 1,000 in all. A command is a process of its own, so there are fewer. */
const OF_EACH = 198
const OF_EACH_COMMAND = 5

/** Ends the credential of an account, and resolves when it is done. */
type Revoke = (given: { account: Account; own: Headers }) => Promise<void>
type Headers = Record<string, string>

test('the first verification at another instance that begins after a revocation is a 401, in 1,000 revocations', {
  timeout: 300_000,
}, async (t: TestContext) => {
  const DATABASE_URL = await createDatabase()
  const { app } = await build(t, { DATABASE_URL }) // makes the rows
  const environment = {
    ...{ NODE_ENV: 'production', DATABASE_URL, SESSION_SECRET: TEST_SECRET },
    ...{ COOKIE_SECURE: 'false', RATE_LIMIT_ENABLED: 'false', MAX_EVENT_LOOP_DELAY_MS: '60000' },
  }
  const installation = await install(t)
  const one = await startServer(installation, environment)
  const two = await startServer(installation, environment)
  const admin = { cookie: await signIn(app, await makeUser(app, 'admin')) }

  const call = async (method: string, path: string, headers: Headers, body?: object) => {
    const type = { 'content-type': 'application/json' }
    const response = await fetch(`${one.url}${path}`, {
      method,
      headers: { ...headers, ...(body && type) },
      ...(body && { body: JSON.stringify(body) }),
    })
    t.assert.strictEqual(response.status, 200, await response.text())
  }
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await installation.run('src/cli.ts', args, environment)
    t.assert.strictEqual(code, 0, stdout + stderr)
  }
  const newest = (ids: number[]) => String(ids.at(-1))

  const delays: number[] = []
  let stale = 0
  async function revoke(times: number, kind: 'session' | 'token', end: Revoke) {
    for (let done = 0; done < times; done++) {
      const account = await makeUser(app)
      const own = await credentialOf(app, account, kind)
      t.assert.strictEqual(await verify(two.url, own), 200)
      await end({ account, own })
      const answeredAt = performance.now()
      if ((await verify(two.url, own)) !== 401) stale++
      delays.push(performance.now() - answeredAt)
    }
  }

  await revoke(OF_EACH, 'session', ({ own }) => call('POST', '/logout', own))
  await revoke(OF_EACH, 'session', async ({ account, own }) =>
    call('DELETE', `/sessions/${newest(await storedSessions(app, account.id))}`, own),
  )
  await revoke(OF_EACH, 'token', ({ own }) => call('POST', '/logout', own))
  await revoke(OF_EACH, 'token', async ({ account }) => {
    const session = { cookie: await signIn(app, account) }
    await call('DELETE', `/tokens/${newest(await storedTokens(app, account.id))}`, session)
  })
  await revoke(OF_EACH, 'session', ({ account }) =>
    call('PATCH', `/user/${account.id}`, admin, { disabled: true }),
  )
  await revoke(OF_EACH_COMMAND, 'session', ({ account }) =>
    run('session', 'end', '--all', `id:${account.id}`),
  )
  await revoke(OF_EACH_COMMAND, 'token', ({ account }) =>
    run('user', 'disable', `id:${account.id}`),
  )

  delays.sort((first, second) => first - second)
  const at = (share: number) => delays[Math.floor((delays.length - 1) * share)]?.toFixed(1)
  t.diagnostic(
    `${delays.length} revocations, ${stale} not seen; ms from the answer to the 401: median ${at(0.5)}, p99 ${at(0.99)}, max ${at(1)}`,
  )
  t.assert.deepStrictEqual([delays.length, stale], [1_000, 0])
})

async function credentialOf(app: App, account: Account, kind: 'session' | 'token') {
  return kind === 'token'
    ? (await giveToken(app, account)).headers
    : { cookie: await signIn(app, account) }
}

async function verify(url: string, headers: Headers): Promise<number> {
  const response = await fetch(`${url}/verify`, { headers })
  await response.arrayBuffer()
  return response.status
}
