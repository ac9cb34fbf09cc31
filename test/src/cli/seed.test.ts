import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createTokenFormat } from '../../../plugins/auth/token-format.ts'
import { deriveKeys, TOKEN_KEY_PURPOSE } from '../../../src/config/keys.ts'
import { createDatabaseLink } from '../../support/database/database-link.ts'
import { isTidb } from '../../support/database/engine.ts'
import { query } from '../../support/database/query.ts'
import { makeUser } from '../../support/http/accounts.ts'
import { build, TEST_SECRET } from '../../support/http/build.ts'
import { startServer } from '../../support/process/installation.ts'
import { CLI, counts, csv, ONE_EACH, setUpSeeding } from '../../support/process/seeding.ts'
import { needsTerminals, runOnTerminal } from '../../support/process/terminal.ts'

const FILES = [
  'cookies.csv',
  'login.targets',
  'mixed.targets',
  'read.targets',
  'tokens.csv',
  'users.csv',
]

test('seed stores as many rows as its options say, for marked users, and its files are readable by their owner only', async (t: TestContext) => {
  const { site, environment, url } = await setUpSeeding(t)
  const args = ['--users', '1500', '--sessions', '3200', '--tokens', '40', '--out', 'a/data']
  const { code, stdout, stderr } = await site.run(CLI, ['seed', ...args], environment)
  t.assert.strictEqual(stderr, '')
  t.assert.strictEqual(code, 0)
  const said = /^Seeded 1500 users, 3200 sessions and 40 tokens in [0-9.]+ s: .*\/a\/data\n$/
  t.assert.match(stdout, said)
  t.assert.deepStrictEqual(await counts(url), {
    ...{ users: 1500, marked: 1500, sessions: 3200, tokens: 40, events: 0 },
  })
  t.assert.deepStrictEqual(await counted(url), ['seeded_users', 'sessions', 'tokens', 'users'])
  const [spread] = await query(
    url,
    `SELECT MIN(n) AS least, MAX(n) AS most FROM
      (SELECT COUNT(*) AS n FROM sessions GROUP BY user_id) AS each_user`,
  )
  t.assert.deepStrictEqual(spread, { least: 2, most: 3 })
  const [kinds] = await query(
    url,
    'SELECT COUNT(DISTINCT password_hash) AS hashes, MIN(role) AS r, MAX(role) AS role FROM users',
  )
  t.assert.deepStrictEqual(kinds, { hashes: 1, r: 'user', role: 'user' })

  const folder = join(site.folder, 'a/data')
  t.assert.strictEqual((await stat(folder)).mode & 0o777, 0o700)
  t.assert.deepStrictEqual((await readdir(folder)).sort(), FILES)
  for (const name of FILES) {
    t.assert.strictEqual((await stat(join(folder, name))).mode & 0o777, 0o600, name)
  }
  t.assert.strictEqual((await csv(folder, 'users.csv')).length, 1500)
  t.assert.strictEqual((await csv(folder, 'cookies.csv')).length, 3200)
  const seeded = await csv(folder, 'tokens.csv')
  t.assert.strictEqual(seeded.length, 40)
  const format = createTokenFormat(deriveKeys([TEST_SECRET], TOKEN_KEY_PURPOSE))
  for (const [secret = ''] of seeded) t.assert.strictEqual(format.read(secret)?.isVerified, true)
})

test('seed succeeds if the statistics cannot be updated', async (t: TestContext) => {
  const { site, environment, url } = await setUpSeeding(t)
  const link = await createDatabaseLink(url)
  t.after(() => link.cut())
  link.resetAfter('ANALYZE TABLE')
  const settings = { ...environment, DATABASE_URL: link.url }
  const { code, stdout, stderr } = await site.run(CLI, ['seed', ...ONE_EACH], settings)
  t.assert.deepStrictEqual([code, stderr], [0, ''])
  t.assert.match(stdout, /^Seeded 1 users, 1 sessions and 1 tokens in /)
  t.assert.strictEqual((await counts(url)).sessions, 1)
})

test('the credentials that seed wrote are valid on a server that is already running', async (t: TestContext) => {
  const { site, environment } = await setUpSeeding(t)
  const { url } = await startServer(site, environment)
  const args = ['--users', '40', '--tokens', '3', '--out', 'data', '--url', `${url}/`]
  const { code, stderr } = await site.run(CLI, ['seed', ...args], environment)
  t.assert.strictEqual(code, 0, stderr)
  const folder = join(site.folder, 'data')

  const users = await csv(folder, 'users.csv')
  const [id, username, password] = users[20] ?? []
  t.assert.strictEqual(username, 'seed-1-000021')
  const [cookie = '', cookiesUser] = (await csv(folder, 'cookies.csv'))[20] ?? []
  t.assert.strictEqual(cookiesUser, id)
  const [token, tokensUser] = (await csv(folder, 'tokens.csv'))[1] ?? []
  t.assert.strictEqual(tokensUser, users[1]?.[0])
  t.assert.strictEqual((await me(url, { cookie })).id, Number(id))
  const authorization = `Bearer ${token}`
  t.assert.strictEqual((await me(url, { authorization })).username, 'seed-1-000002')
  t.assert.strictEqual(await logIn(url, JSON.stringify({ username, password })), 200)
  t.assert.strictEqual(
    await logIn(url, JSON.stringify({ username, password: `${password}x` })),
    400,
  )

  const reads = await targets(folder, 'read.targets')
  t.assert.strictEqual(reads.length, 40)
  t.assert.strictEqual((await targets(folder, 'login.targets')).length, 40)
  const mixed = await targets(folder, 'mixed.targets')
  t.assert.strictEqual(mixed.filter(({ method }) => method === 'POST').length, 2)
  for (const target of [...reads.slice(0, 3), ...reads.slice(-1), ...mixed.slice(18, 20)]) {
    const { method, url, header, body } = target
    const headers = Object.entries(header).map(([name, values]): [string, string] => [
      name,
      values.join(),
    ])
    const answer = await fetch(url, {
      method,
      headers,
      ...(body !== undefined && { body: Buffer.from(body, 'base64') }),
    })
    t.assert.strictEqual(answer.status, 200, JSON.stringify(target))
  }
})

test('seed, with the same seed and secret, creates the same secrets, and others with another seed or secret', async (t: TestContext) => {
  const { site, environment, url } = await setUpSeeding(t)
  async function secretsOf(seed: string, settings: Record<string, string> = {}) {
    const args = ['seed', ...ONE_EACH, '--seed', seed]
    const made = await site.run(CLI, args, { ...environment, ...settings })
    t.assert.strictEqual(made.code, 0, made.stderr)
    for (const table of ['sessions', 'tokens', 'users']) await query(url, `DELETE FROM ${table}`)
    const folder = join(site.folder, 'data')
    const [[, , password] = []] = await csv(folder, 'users.csv')
    const [[cookie] = []] = await csv(folder, 'cookies.csv')
    const [[token] = []] = await csv(folder, 'tokens.csv')
    return [password, cookie, token]
  }
  const first = await secretsOf('7')
  t.assert.deepStrictEqual(await secretsOf('7'), first)
  // Only the first of several secrets signs.
  const rotated = { SESSION_SECRET: `${TEST_SECRET},an older secret of 32 characters or more` }
  t.assert.deepStrictEqual(await secretsOf('7', rotated), first)
  const others = [
    await secretsOf('8'),
    await secretsOf('7', { SESSION_SECRET: 'another secret that has 32 characters or more' }),
  ]
  t.assert.strictEqual(new Set([first, ...others].flat()).size, 9)
  const [, cookie] = await secretsOf('7', { COOKIE_SECURE: 'true' })
  t.assert.strictEqual(cookie, `__Host-${first[1]}`)
})

test('seed clear deletes what was seeded, and no user with a similar name', async (t: TestContext) => {
  const { site, environment, url } = await setUpSeeding(t)
  const { app } = await build(t, { DATABASE_URL: url })
  await makeUser(app)
  await query(
    url,
    `INSERT INTO users (username, username_key, password_hash)
      VALUES ('seed-1-000002x', 'seed-1-000002x', ''), ('seed-3-000001', 'seed-3-000001', '')`,
  )
  await query(
    url,
    "INSERT INTO sessions (digest, user_id, expires_at) SELECT REPEAT('x', 32), id, '2099-01-01' FROM users LIMIT 1",
  )
  const before = await query(url, 'SELECT * FROM users ORDER BY id')
  const args = ['seed', '--users', '2100', '--seed', '2', '--out', 'data']
  t.assert.strictEqual((await site.run(CLI, args, environment)).code, 0)
  const cleared = await site.run(CLI, ['seed', 'clear'], environment)
  t.assert.deepStrictEqual(cleared, {
    code: 0,
    stdout: 'Cleared 2100 seeded users, with their sessions and tokens.\n',
    stderr: '',
  })
  t.assert.deepStrictEqual(await query(url, 'SELECT * FROM users ORDER BY id'), before)
  t.assert.deepStrictEqual(await counts(url), {
    ...{ users: 3, marked: 0, sessions: 1, tokens: 0, events: 0 },
  })
  const taken = await site.run(CLI, ['seed', ...ONE_EACH, '--seed', '3'], environment)
  t.assert.strictEqual(taken.code, 1)
  const reason =
    'A user named seed-3-000001 exists that seed did not create. Choose another --seed.\n'
  t.assert.strictEqual(taken.stderr, reason)
})

test('seed, killed in the middle, leaves no unmarked user, and clear deletes them all', async (t: TestContext) => {
  const { site, environment, url } = await setUpSeeding(t)
  const child = site.start(CLI, ['seed', '--users', '200000', '--out', 'data'], environment)
  while ((await counts(url)).marked === 0) await sleep(5)
  await sleep(200)
  child.kill('SIGKILL')
  // The server rolls the transaction back once it sees that the connection is closed.
  while (
    (await query(url, 'SHOW PROCESSLIST')).filter(({ db }) => url.endsWith(`/${db}`)).length > 1
  )
    await sleep(20)
  const { users, marked } = await counts(url)
  t.assert.ok(Number(users) >= 1000 && Number(users) < 200_000, `${users} users`)
  t.assert.strictEqual(users, marked)
  t.assert.ok(!(await readdir(join(site.folder, 'data'))).includes('users.csv'))
  t.assert.strictEqual((await site.run(CLI, ['seed', 'clear'], environment)).code, 0)
  t.assert.strictEqual((await counts(url)).users, 0)
})

test('seed, on a terminal, shows its progress', needsTerminals, async (t: TestContext) => {
  const { site, environment } = await setUpSeeding(t)
  const args = ['seed', '--users', '2000', '--out', 'data']
  const { code, said } = await runOnTerminal(site, CLI, args, environment, [])
  t.assert.strictEqual(code, 0)
  t.assert.match(said, /100 % of 5000 rows/)
})

interface Target {
  method: string
  url: string
  header: Record<string, string[]>
  body?: string
}

async function targets(folder: string, name: string): Promise<Target[]> {
  const lines = (await readFile(join(folder, name), 'utf8')).trimEnd().split('\n')
  return lines.map((line) => JSON.parse(line) as Target) // what is sent by it tells whether it is
}

async function me(url: string, headers: Record<string, string>) {
  return (await (await fetch(`${url}/me`, { headers })).json()) as Record<string, unknown>
}

async function logIn(url: string, body: string): Promise<number> {
  const headers = { 'content-type': 'application/json' }
  return (await fetch(`${url}/login`, { method: 'POST', headers, body })).status
}

/** @returns the tables of which the database has statistics with more than 30 rows */
async function counted(url: string): Promise<unknown[]> {
  const database = new URL(url).pathname.slice(1)
  const rows = isTidb
    ? await query(url, `SHOW STATS_META WHERE db_name = '${database}' AND row_count > 30`)
    : await query(
        url,
        `SELECT table_name FROM mysql.innodb_table_stats
         WHERE database_name = '${database}' AND n_rows > 30`,
      )
  return rows.map(({ table_name, Table_name }) => table_name ?? Table_name).sort()
}
