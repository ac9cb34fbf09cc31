import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { createDatabase } from '../../support/database/database.ts'
import { commandEvent, eventsOf } from '../../support/database/events-of.ts'
import { query } from '../../support/database/query.ts'
import {
  giveToken,
  makeUser,
  signIn,
  storedSessions,
  storedTokens,
  storedUser,
} from '../../support/http/accounts.ts'
import { type App, build, send } from '../../support/http/build.ts'
import { BY_COMMAND, commandsOn } from '../../support/process/command.ts'

const DATABASE_URL = await createDatabase()
const PASSWORD = 'brass wheels and cards'

/** @returns the statuses of a request with the cookie and one with the token */
async function statuses(app: App, cookie: string, headers: Record<string, string>, url = '/me') {
  const byCookie = await send(app, 'GET', url, { cookie })
  const byToken = await send(app, 'GET', url, { headers })
  return [byCookie.statusCode, byToken.statusCode]
}

test('user disable, while a server runs, ends the access of the account at its next request, and user enable restores none of it', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { succeed } = await commandsOn(t, DATABASE_URL)
  const user = await makeUser(app)
  const [cookie, token] = [await signIn(app, user), await giveToken(app, user)]
  const [sessionId] = await storedSessions(app, user.id)
  t.assert.deepStrictEqual(await statuses(app, cookie, token.headers), [200, 200])

  const said = await succeed(['user', 'disable', user.username.toUpperCase()])
  const sentence = `User ${user.username} disabled. Its sessions and tokens have ended.\n`
  t.assert.strictEqual(said, sentence)
  t.assert.deepStrictEqual(await statuses(app, cookie, token.headers), [401, 401])
  t.assert.strictEqual((await storedUser(app, user.id))?.disabled, true)

  const shown = JSON.parse(await succeed(['user', 'enable', `id:${user.id}`, '--json']))
  t.assert.deepStrictEqual([shown.id, shown.disabled], [user.id, false])
  t.assert.deepStrictEqual(await statuses(app, cookie, token.headers), [401, 401])
  t.assert.strictEqual((await storedUser(app, user.id))?.version, 3)
  t.assert.deepStrictEqual(await eventsOf(DATABASE_URL, user.id), [
    commandEvent('user_updated', {
      disabled: true,
      sessionsEnded: 1,
      sessionIds: [sessionId],
      tokensEnded: 1,
      tokenIds: [token.id],
      ...BY_COMMAND,
    }),
    commandEvent('user_updated', { disabled: false, ...BY_COMMAND }),
  ])
})

test('user set-role, while a server runs, gives and takes permissions at the next request', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { succeed } = await commandsOn(t, DATABASE_URL)
  const user = await makeUser(app)
  await makeUser(app, 'admin') // so that one remains
  const cookie = await signIn(app, user)
  const list = async () => (await send(app, 'GET', '/users', { cookie })).statusCode
  t.assert.strictEqual(await list(), 401)
  const said = await succeed(['user', 'set-role', user.username, 'admin'])
  t.assert.strictEqual(said, `User ${user.username} now has the role admin.\n`)
  t.assert.strictEqual(await list(), 200)
  await succeed(['user', 'set-role', user.username, 'user'])
  t.assert.strictEqual(await list(), 401)
  t.assert.strictEqual((await storedUser(app, user.id))?.role, 'user')
  t.assert.deepStrictEqual(await eventsOf(DATABASE_URL, user.id), [
    commandEvent('user_updated', { role: 'admin', ...BY_COMMAND }),
    commandEvent('user_updated', { role: 'user', ...BY_COMMAND }),
  ])
})

test('user disable, enable and set-role, if the account is so already, say so and change nothing', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { succeed } = await commandsOn(t, DATABASE_URL)
  const user = await makeUser(app)
  await succeed(['user', 'disable', user.username])
  const [before, events] = [await storedUser(app, user.id), await eventsOf(DATABASE_URL, user.id)]
  for (const [args, state] of [
    [['disable', user.username], 'is disabled already'],
    [['set-role', user.username, 'user'], 'has the role user already'],
  ] as const) {
    const said = await succeed(['user', ...args])
    t.assert.strictEqual(said, `User ${user.username} ${state}. Nothing was changed.\n`)
    const shown = JSON.parse(await succeed(['user', ...args, '--json']))
    t.assert.deepStrictEqual([shown.id, shown.disabled, shown.role], [user.id, true, 'user'])
  }
  t.assert.deepStrictEqual(await storedUser(app, user.id), before)
  t.assert.deepStrictEqual(await eventsOf(DATABASE_URL, user.id), events)

  const enabled = await makeUser(app)
  const said = await succeed(['user', 'enable', enabled.username])
  t.assert.strictEqual(said, `User ${enabled.username} is enabled already. Nothing was changed.\n`)
  t.assert.strictEqual((await storedUser(app, enabled.id))?.version, 1)
  t.assert.deepStrictEqual(await eventsOf(DATABASE_URL, enabled.id), [])
})

test('user set-password, while a server runs, replaces the password and ends all sessions and tokens', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { run, succeed } = await commandsOn(t, DATABASE_URL)
  const user = await makeUser(app)
  const [cookie, token] = [await signIn(app, user), await giveToken(app, user)]

  const args = ['user', 'set-password', user.username]
  t.assert.deepStrictEqual(await run(args, 'short'), {
    code: 1,
    stdout: '',
    stderr: 'The password is shorter than 8 characters.\n',
  })
  t.assert.strictEqual((await run(args, user.username)).stderr, 'The password is the username.\n')
  t.assert.deepStrictEqual(await statuses(app, cookie, token.headers), [200, 200])

  const said = await succeed(args, `${PASSWORD}\n`)
  const sentence = `Password of ${user.username} changed. Its sessions and tokens have ended.\n`
  t.assert.strictEqual(said, sentence)
  t.assert.deepStrictEqual(await statuses(app, cookie, token.headers), [401, 401])
  const login = (password: string) =>
    send(app, 'POST', '/login', { body: { username: user.username, password } })
  t.assert.strictEqual((await login(user.password)).statusCode, 400)
  t.assert.strictEqual((await login(PASSWORD)).statusCode, 200)
  const stored = await storedUser(app, user.id)
  t.assert.match(stored?.passwordHash ?? '', /^\$2b\$10\$/)
  t.assert.strictEqual(stored?.version, 2)
  const [changed] = await eventsOf(DATABASE_URL, user.id)
  t.assert.strictEqual(changed?.type, 'password_changed')
  t.assert.deepStrictEqual(changed?.detail.tokenIds, [token.id])
  t.assert.strictEqual(changed?.detail.via, 'cli')
})

test('user delete, while a server runs, deletes the account with its sessions and tokens', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { succeed } = await commandsOn(t, DATABASE_URL)
  const user = await makeUser(app)
  const [cookie, token] = [await signIn(app, user), await giveToken(app, user)]
  const said = await succeed(['user', 'delete', user.username])
  const sentence = `User ${user.username} deleted, with its sessions and tokens.\n`
  t.assert.strictEqual(said, sentence)
  t.assert.deepStrictEqual(await statuses(app, cookie, token.headers), [401, 401])
  t.assert.strictEqual(await storedUser(app, user.id), undefined)
  t.assert.deepStrictEqual(await storedSessions(app, user.id), [])
  t.assert.deepStrictEqual(await storedTokens(app, user.id), [])
  const [deleted] = await eventsOf(DATABASE_URL, user.id)
  t.assert.strictEqual(deleted?.type, 'user_deleted')
  t.assert.deepStrictEqual([deleted?.detail.username, deleted?.detail.via], [user.username, 'cli'])
})

test('user create leaves an event of the command line, and with --json prints the account', async (t: TestContext) => {
  const { succeed } = await commandsOn(t, DATABASE_URL)
  const username = `u-${randomUUID()}`
  const made = JSON.parse(await succeed(['user', 'create', username, '--json'], PASSWORD))
  const { id, createdAt, ...rest } = made
  const shown = { kind: 'person', role: 'user', disabled: false, addressRanges: null }
  t.assert.deepStrictEqual(rest, { username, ...shown })
  const rows = await query(DATABASE_URL, `SELECT username FROM users WHERE id = ${Number(id)}`)
  t.assert.deepStrictEqual(rows, [{ username }])
  t.assert.deepStrictEqual(await eventsOf(DATABASE_URL, id), [
    commandEvent('user_created', { username, role: 'user', ...BY_COMMAND }),
  ])
})

test('a change to a user that does not exist says so and ends with 1', async (t: TestContext) => {
  const { run } = await commandsOn(t, DATABASE_URL)
  for (const args of [
    ['user', 'show'],
    ['user', 'disable'],
    ['user', 'set-password'],
    ['session', 'list'],
    ['session', 'end', '--all'],
    ['token', 'list'],
    ['token', 'create', '--name', 'x'],
    ['events', '--user'],
  ]) {
    const { code, stdout, stderr } = await run([...args, 'nobody\u001b[2J'])
    t.assert.deepStrictEqual([code, stdout], [1, ''], args.join(' '))
    t.assert.strictEqual(stderr, 'No user is named nobody\\u001b[2J.\n')
  }
  const { code, stderr } = await run(['user', 'delete', 'id:9007199254740991'])
  t.assert.deepStrictEqual([code, stderr], [1, 'No user has the id 9007199254740991.\n'])
})
