import { type TestContext, test } from 'node:test'
import { createDatabase } from '../../support/database/database.ts'
import { giveToken, makeUser, signIn } from '../../support/http/accounts.ts'
import { build, TEST_SECRET } from '../../support/http/build.ts'
import { type Installation, install, listenTo } from '../../support/process/installation.ts'

const DATABASE_URL = await createDatabase()
/** No hash is renewed, although the rows have lower costs, because nobody logs in here. */
const ENVIRONMENT = { DATABASE_URL, SESSION_SECRET: TEST_SECRET, PORT: '0', BCRYPT_COST: '10' }

test('a change on one process, which ends access or changes a role, takes effect on the next request to the other', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const site = await install(t)
  const [one, two] = await Promise.all([startInstance(site), startInstance(site)])
  const admin = await signIn(app, await makeUser(app, 'admin'))
  const body = { password: 'a password of afterwards' }
  const changes = {
    logout: (_: number, cookie: string) => one('POST', '/logout', { cookie }),
    'end of all sessions': (id: number) => one('DELETE', `/user/${id}/sessions`, { cookie: admin }),
    'password change': (id: number) =>
      one('PUT', `/user/update-password/${id}`, { cookie: admin }, body),
    disabling: (id: number) => one('PATCH', `/user/${id}`, { cookie: admin }, { disabled: true }),
    deletion: (id: number) => one('DELETE', `/user/${id}`, { cookie: admin }),
  }
  for (const [change, make] of Object.entries(changes)) {
    const account = await makeUser(app)
    const cookie = await signIn(app, account)
    const { headers: token } = await giveToken(app, account)
    for (const credential of [{ cookie }, token]) {
      t.assert.strictEqual(await two('GET', '/me', credential), 200, change)
    }
    t.assert.strictEqual(await make(account.id, cookie), 200, change)
    t.assert.strictEqual(await two('GET', '/me', { cookie }), 401, change)
    const endsTokens = !['logout', 'end of all sessions'].includes(change)
    t.assert.strictEqual(await two('GET', '/me', token), endsTokens ? 401 : 200, change)
  }

  const account = await makeUser(app)
  const theirs = { cookie: await signIn(app, account) }
  for (const [role, status] of [
    ['admin', 200],
    ['user', 401],
  ] as const) {
    t.assert.strictEqual(
      await one('PATCH', `/user/${account.id}`, { cookie: admin }, { role }),
      200,
    )
    t.assert.strictEqual(await two('GET', '/users', theirs), status, role)
  }
})

/** Starts a server process. @returns a function that sends it a request and returns the status */
async function startInstance(site: Installation) {
  const child = site.start('src/server.ts', [], ENVIRONMENT)
  const url = await listenTo(child).until(/"msg":"Server listening at (http:[^"]+)"/)
  return async (
    method: string,
    path: string,
    headers: Record<string, string>,
    body?: object,
  ): Promise<number> => {
    const { status } = await fetch(url + path, {
      method,
      headers: { ...headers, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    })
    return status
  }
}
