import { type TestContext, test } from 'node:test'
import { eq } from 'drizzle-orm'
import { sessions, tokens } from '../../../db/schema.ts'
import { createDatabase } from '../../support/database/database.ts'
import { commandEvent, eventsOf } from '../../support/database/events-of.ts'
import {
  giveToken,
  makeUser,
  signIn,
  storedSessions,
  storedTokens,
} from '../../support/http/accounts.ts'
import { build, send } from '../../support/http/build.ts'
import { BY_COMMAND, commandsOn } from '../../support/process/command.ts'

const DATABASE_URL = await createDatabase()

test('session list shows the live sessions of the user, newest first, without their control characters', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { succeed } = await commandsOn(t, DATABASE_URL)
  const user = await makeUser(app)
  for (let count = 0; count < 3; count++) await signIn(app, user)
  const [oldest = 0, expired = 0, newest = 0] = await storedSessions(app, user.id)
  const userAgent = 'cafe \u009b31m/1 \u202e'
  const address = '192.0.2.7'
  await app.db.update(sessions).set({ userAgent, address }).where(eq(sessions.id, newest))
  const expiresAt = '2020-01-01T00:00:00.000Z'
  await app.db.update(sessions).set({ expiresAt }).where(eq(sessions.id, expired))

  const table = (await succeed(['session', 'list', user.username])).split('\n')
  t.assert.match(table[0] ?? '', /^ID +CREATED +LAST SEEN +EXPIRES +ADDRESS +USER AGENT$/)
  const time = '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ'
  const row = `^${newest} +${time}  ${time}  ${time}  192\\.0\\.2\\.7  cafe `
  t.assert.match(table[1] ?? '', new RegExp(row))
  t.assert.ok(table[1]?.endsWith('cafe \\u009b31m/1 \\u202e'))
  t.assert.match(table[2] ?? '', new RegExp(`^${oldest} .*  -  +-$`))
  t.assert.deepStrictEqual(table.slice(3), [''])

  const text = await succeed(['session', 'list', user.username, '--json'])
  t.assert.doesNotMatch(text, /[\u0080-\u009f\u202e]/)
  const [first, second, ...rest] = JSON.parse(text)
  t.assert.deepStrictEqual([first.id, second.id, rest], [newest, oldest, []])
  t.assert.deepStrictEqual([first.userAgent, first.address], [userAgent, address])
})

test('session list without a user shows the live sessions of all users, newest first, up to the limit', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { succeed } = await commandsOn(t, DATABASE_URL)
  const [ada, bob] = [await makeUser(app), await makeUser(app)]
  await signIn(app, ada)
  await signIn(app, bob)
  await signIn(app, ada)
  await succeed(['session', 'end', '--all', bob.username])
  await signIn(app, bob)
  const expected = [bob, ada, ada].map(({ id, username }) => ({ userId: id, username }))

  const listed = async (...options: string[]) => {
    const rows = JSON.parse(await succeed(['session', 'list', '--json', ...options]))
    return rows.map(({ userId, username }: Record<string, unknown>) => ({ userId, username }))
  }
  t.assert.deepStrictEqual((await listed()).slice(0, 3), expected)
  t.assert.deepStrictEqual(await listed('--limit', '2'), expected.slice(0, 2))
  const table = (await succeed(['session', 'list', '--limit', '1'])).split('\n')
  t.assert.match(table[0] ?? '', /^USER +ID +CREATED/)
  t.assert.match(table[1] ?? '', new RegExp(`^${bob.username} +[0-9]+ `))
})

test('session end, while a server runs, ends the session at its next request and no other', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { run, succeed } = await commandsOn(t, DATABASE_URL)
  const user = await makeUser(app)
  const cookies = [await signIn(app, user), await signIn(app, user)]
  const statuses = () =>
    Promise.all(
      cookies.map(async (cookie) => (await send(app, 'GET', '/me', { cookie })).statusCode),
    )
  t.assert.deepStrictEqual(await statuses(), [200, 200])
  const [first = 0, second = 0] = await storedSessions(app, user.id)
  const said = await succeed(['session', 'end', String(first)])
  t.assert.strictEqual(said, `Session ${first} of ${user.username} ended.\n`)
  t.assert.deepStrictEqual(await statuses(), [401, 200])
  t.assert.deepStrictEqual(await storedSessions(app, user.id), [second])

  const again = await run(['session', 'end', String(first)])
  const stderr = `No session has the id ${first}.\n`
  t.assert.deepStrictEqual(again, { code: 1, stdout: '', stderr })

  const all = ['session', 'end', '--all', user.username]
  const ended = JSON.parse(await succeed([...all, '--json']))
  t.assert.deepStrictEqual(ended, { userId: user.id, sessionsEnded: 1 })
  t.assert.deepStrictEqual(await statuses(), [401, 401])
  t.assert.strictEqual(await succeed(all), `Sessions of ${user.username} ended: 0.\n`)
  const detail = { sessionsEnded: 1, sessionIds: [second], ...BY_COMMAND }
  t.assert.deepStrictEqual(await eventsOf(DATABASE_URL, user.id), [
    commandEvent('session_ended', { sessionId: first, ...BY_COMMAND }),
    commandEvent('session_ended', detail),
  ])
})

test('token create prints a token that the server accepts, and stores its name and its end', async (t: TestContext) => {
  const { app, keepSecret } = await build(t, { DATABASE_URL })
  const { run, succeed } = await commandsOn(t, DATABASE_URL)
  const user = await makeUser(app)
  const args = ['token', 'create', user.username, '--name', 'nightly job']
  const made = await run([...args, '--expires', '90d'])
  const [id = 0] = await storedTokens(app, user.id)
  t.assert.strictEqual(made.stderr, `Token ${id} of ${user.username} created.\n`)
  t.assert.match(made.stdout, /^gh_[A-Za-z0-9_-]{43}\n$/)
  const token = made.stdout.trim()
  keepSecret(token)
  t.assert.ok(app.tokenFormat.read(token)?.isVerified, 'the server has made no such token itself')
  const headers = { authorization: `Bearer ${token}` }
  t.assert.strictEqual((await send(app, 'GET', '/me', { headers })).statusCode, 200)
  const [row] = await app.db.select().from(tokens).where(eq(tokens.id, id))
  const days = (Date.parse(row?.expiresAt ?? '') - Date.parse(row?.createdAt ?? '')) / 86_400_000
  t.assert.strictEqual(Math.round(days), 90)

  const forever = JSON.parse(await succeed([...args, '--json']))
  t.assert.deepStrictEqual(
    [forever.name, forever.expiresAt, forever.userId],
    ['nightly job', null, user.id],
  )
  t.assert.match(forever.token, /^gh_/)
  t.assert.deepStrictEqual(await eventsOf(DATABASE_URL, user.id), [
    commandEvent('token_created', { tokenId: id, ...BY_COMMAND }),
    commandEvent('token_created', { tokenId: forever.id, ...BY_COMMAND }),
  ])
  const listed = JSON.parse(await succeed(['token', 'list', user.username, '--json']))
  t.assert.deepStrictEqual(
    listed.map((entry: { id: number }) => entry.id),
    [forever.id, id],
  )
  const table = await succeed(['token', 'list', user.username])
  t.assert.match(
    table,
    /^ID +NAME +SCOPES +CREATED +EXPIRES +LAST USED\n\d+ +nightly job +- +\S+Z +- +-\n/,
  )
})

test('token create, with a limit that is reached, a disabled user, or a bad option, creates none', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { site, environment, run, succeed } = await commandsOn(t, DATABASE_URL)
  const user = await makeUser(app)
  const create = (...rest: string[]) => ['token', 'create', user.username, ...rest]
  for (const [bad, reason] of [
    [[], /required option '--name <name>' not specified/],
    [['--name', 'a\u0007'], /1 to 100 characters without control characters/],
    [['--name', 'a', '--expires', '2020-01-01T00:00:00Z'], /at most ten years ahead/],
    [['--name', 'a', '--expires', '4000d'], /at most ten years ahead/],
    [['--name', 'a', '--expires', 'tomorrow'], /at most ten years ahead/],
  ] as const) {
    const { code, stdout, stderr } = await run(create(...bad))
    t.assert.deepStrictEqual([code, stdout], [2, ''])
    t.assert.match(stderr, reason)
  }
  await giveToken(app, user)
  const limited = { ...environment, MAX_TOKENS: '1' }
  const refused = await site.run('src/cli.ts', create('--name', 'a'), limited)
  const stderr = `User ${user.username} has MAX_TOKENS tokens. End one first.\n`
  t.assert.deepStrictEqual(refused, { code: 1, stdout: '', stderr })
  await succeed(['user', 'disable', user.username])
  const disabled = await run(create('--name', 'a'))
  t.assert.strictEqual(disabled.code, 1)
  t.assert.match(disabled.stderr, /is disabled\. Enable the user first\.\n$/)
  t.assert.deepStrictEqual(await storedTokens(app, user.id), [])
})

test('token end, while a server runs, ends the token at its next request', async (t: TestContext) => {
  const { app } = await build(t, { DATABASE_URL })
  const { run, succeed } = await commandsOn(t, DATABASE_URL)
  const user = await makeUser(app)
  const [ended, kept] = [await giveToken(app, user), await giveToken(app, user)]
  const status = async ({ headers }: typeof ended) =>
    (await send(app, 'GET', '/me', { headers })).statusCode
  t.assert.deepStrictEqual([await status(ended), await status(kept)], [200, 200])
  const said = await succeed(['token', 'end', String(ended.id)])
  t.assert.strictEqual(said, `Token ${ended.id} of ${user.username} ended.\n`)
  t.assert.deepStrictEqual([await status(ended), await status(kept)], [401, 200])
  t.assert.deepStrictEqual(await storedTokens(app, user.id), [kept.id])
  t.assert.deepStrictEqual(await eventsOf(DATABASE_URL, user.id), [
    commandEvent('token_ended', { tokenId: ended.id, ...BY_COMMAND }),
  ])
  const again = await run(['token', 'end', String(ended.id)])
  t.assert.deepStrictEqual([again.code, again.stderr], [1, `No token has the id ${ended.id}.\n`])
})
