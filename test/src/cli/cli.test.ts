import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { joinEmbeddedDatabase } from '../../../src/embedded-database/embedded-database.ts'
import { createDatabase, createEmptyDatabase } from '../../support/database/database.ts'
import { query } from '../../support/database/query.ts'
import {
  install,
  isRunning,
  makeDatabaseFiles,
  needsServerBinary,
} from '../../support/process/installation.ts'
import { needsTerminals, runOnTerminal } from '../../support/process/terminal.ts'

const DATABASE_URL = await createDatabase()
const CLI = 'src/cli.ts'
const PASSWORD = 'brass wheels and cards'
const environment = { DATABASE_URL, BCRYPT_COST: '10' }

test('migrate, on an empty database, applies the migrations, and none the second time', async (t: TestContext) => {
  const site = await install(t)
  const fresh = { DATABASE_URL: await createEmptyDatabase() }
  const first = await site.run(CLI, ['migrate'], fresh)
  t.assert.match(first.stdout, /^Migrations applied: [1-9][0-9]*\.\n$/)
  t.assert.deepStrictEqual({ ...first, stdout: '' }, { code: 0, stdout: '', stderr: '' })
  const second = await site.run(CLI, ['migrate'], fresh)
  t.assert.deepStrictEqual(second, { code: 0, stdout: 'The schema is up to date.\n', stderr: '' })
  t.assert.deepStrictEqual(await query(fresh.DATABASE_URL, 'SELECT * FROM users'), [])
  t.assert.deepStrictEqual(await readdir(site.folder), [])
})

test('migrate --check and --dry-run, on a schema that is behind, show what is pending and change nothing', async (t: TestContext) => {
  const site = await install(t)
  const fresh = { DATABASE_URL: await createEmptyDatabase() }
  const files = (await readdir('db/migrations')).filter((name) => name.endsWith('.sql')).sort()
  const check = await site.run(CLI, ['migrate', '--check'], fresh)
  const lines = files.map((name) => `Pending: ${name.replace('.sql', '')}\n`).join('')
  t.assert.deepStrictEqual(check, { code: 1, stdout: lines, stderr: '' })
  const { code, stdout } = await site.run(CLI, ['migrate', '--dry-run'], fresh)
  t.assert.strictEqual(code, 0)
  t.assert.deepStrictEqual(await query(fresh.DATABASE_URL, 'SHOW TABLES'), [])

  // What it prints is what migrate does.
  for (const statement of stdout.split(/;$/m).filter((text) => text.trim() !== '')) {
    await query(fresh.DATABASE_URL, statement)
  }
  const tables = await query(fresh.DATABASE_URL, 'SHOW TABLES')
  await site.run(CLI, ['migrate'], fresh)
  const after = await query(fresh.DATABASE_URL, 'SHOW TABLES')
  t.assert.strictEqual(after.length, tables.length + 1) // the list of what was applied
  const current = await site.run(CLI, ['migrate', '--check'], fresh)
  t.assert.deepStrictEqual(current, { code: 0, stdout: 'The schema is up to date.\n', stderr: '' })
})

test('user create, with a password from standard input, stores an account with the role', async (t: TestContext) => {
  const site = await install(t)
  const name = newName()
  const args = ['user', 'create', name, '--role', 'admin']
  const made = await site.run(CLI, args, environment, `${PASSWORD}\n`)
  t.assert.deepStrictEqual(made, {
    code: 0,
    stdout: `User ${name} created, role admin.\n`,
    stderr: '',
  })
  const [user] = await findUsers(name)
  t.assert.strictEqual(user?.role, 'admin')
  t.assert.match(user?.password_hash ?? '', /^\$2b\$10\$/)

  const again = ['user', 'create', name.toUpperCase()]
  const refused = await site.run(CLI, again, environment, 'another good password')
  const stderr = `A user named ${name.toUpperCase()} already exists.\n`
  t.assert.deepStrictEqual(refused, { code: 1, stdout: '', stderr })
  t.assert.deepStrictEqual(await findUsers(name), [user])
})

test('user create, with a password that is rejected, prints the reason and ends with 1', async (t: TestContext) => {
  const site = await install(t)
  const name = newName()
  const { code, stdout, stderr } = await site.run(
    CLI,
    ['user', 'create', name],
    environment,
    'short',
  )
  t.assert.strictEqual(code, 1)
  t.assert.strictEqual(stdout, '')
  t.assert.strictEqual(stderr, 'The password is shorter than 8 characters.\n')
  t.assert.deepStrictEqual(await findUsers(name), [])
})

test('user create, with an invalid name, prints what is allowed and ends with 1', async (t: TestContext) => {
  const site = await install(t)
  const { code, stdout, stderr } = await site.run(
    CLI,
    ['user', 'create', '_x'],
    environment,
    PASSWORD,
  )
  t.assert.strictEqual(code, 1)
  t.assert.strictEqual(stdout, '')
  t.assert.match(stderr, /^A username is 1 to 80 letters/)
})

for (const [circumstance, args, reason] of [
  ['without a name', ['user', 'create'], /missing required argument 'name'/],
  [
    'with an unknown option',
    ['user', 'create', 'x', '--password', 'p'],
    /unknown option '--password'/,
  ],
] as const) {
  test(`a command, ${circumstance}, prints what is wrong and ends with 2`, async (t: TestContext) => {
    const site = await install(t)
    const { code, stdout, stderr } = await site.run(CLI, [...args])
    t.assert.strictEqual(code, 2)
    t.assert.strictEqual(stdout, '')
    t.assert.match(stderr, reason)
    t.assert.deepStrictEqual(await readdir(site.folder), [])
  })
}

test('--help, of every command, prints its usage and ends with 0', async (t: TestContext) => {
  const site = await install(t)
  for (const [args, use] of [
    [[], /Usage: gatehouse \[options\] \[command\][\s\S]*user[\s\S]*migrate/],
    [['migrate'], /Usage: gatehouse migrate/],
    [['user', 'create'], /Usage: gatehouse user create [\s\S]*<name>[\s\S]*--role <role>/],
  ] as const) {
    const { code, stdout, stderr } = await site.run(CLI, [...args, '--help'])
    t.assert.strictEqual(code, 0)
    t.assert.strictEqual(stderr, '')
    t.assert.match(stdout, use)
  }
})

test('--version prints the version of the package and ends with 0', async (t: TestContext) => {
  const site = await install(t)
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
  const printed = await site.run(CLI, ['--version'])
  t.assert.deepStrictEqual(printed, { code: 0, stdout: `${version}\n`, stderr: '' })
})

test('a command, with a .env file that is not valid, names the file and the line and ends with 1', async (t: TestContext) => {
  const site = await install(t)
  const file = join(site.folder, '.env')
  await writeFile(file, 'PORT=1\nREGISTATION=admin\n')
  t.assert.deepStrictEqual(await site.run(CLI, ['migrate'], environment), {
    code: 1,
    stdout: '',
    stderr: `${file} is not valid.\n  line 2: REGISTATION is not a setting. Did you mean REGISTRATION?\n`,
  })
})

test(
  'user create, while a private database runs, joins it and leaves it running',
  needsServerBinary,
  async (t: TestContext) => {
    const site = await install(t, await makeDatabaseFiles())
    const { url, close } = await joinEmbeddedDatabase(site.data)
    t.after(close)
    const pid = site.databasePid()
    const made = await site.run(CLI, ['user', 'create', 'ada'], { BCRYPT_COST: '10' }, PASSWORD)
    t.assert.strictEqual(made.stderr, '')
    t.assert.strictEqual(made.code, 0)
    t.assert.strictEqual(site.databasePid(), pid)
    t.assert.ok(isRunning(pid))
    const rows = await query(url, 'SELECT username, role FROM users')
    t.assert.deepStrictEqual(rows, [{ username: 'ada', role: 'user' }])
    const listed = await site.run(CLI, ['user', 'list', '--json'])
    t.assert.match(listed.stdout, /^\[\n\{"id":1,"username":"ada",.*\}\n\]\n$/)
    const token = await site.run(CLI, ['token', 'create', 'ada', '--name', 'job'])
    t.assert.match(token.stdout, /^gh_\S{43}\n$/)
    t.assert.strictEqual((await query(url, 'SELECT id FROM tokens')).length, 1)
  },
)

test(
  'user create, on a terminal, asks twice without showing the password',
  needsTerminals,
  async (t: TestContext) => {
    const site = await install(t)
    const name = newName()
    const args = ['user', 'create', name]
    const made = await runOnTerminal(site, CLI, args, environment, [PASSWORD, PASSWORD])
    t.assert.strictEqual(made.code, 0)
    t.assert.match(made.said, /Password: .*Again: .*User u-\S+ created, role user\./s)
    t.assert.doesNotMatch(made.said, /brass|wheels/)
    t.assert.strictEqual((await findUsers(name)).length, 1)

    const other = newName()
    const answers = [PASSWORD, `${PASSWORD}!`]
    const refused = await runOnTerminal(site, CLI, ['user', 'create', other], environment, answers)
    t.assert.strictEqual(refused.code, 1)
    t.assert.match(refused.said, /The two passwords differ\./)
    t.assert.doesNotMatch(refused.said, /brass|wheels/)
    t.assert.deepStrictEqual(await findUsers(other), [])
  },
)

function newName(): string {
  return `u-${randomUUID()}`
}

async function findUsers(name: string): Promise<Record<string, string>[]> {
  const rows = await query(DATABASE_URL, `SELECT * FROM users WHERE username_key = '${name}'`)
  return rows.map((row) => ({ role: String(row.role), password_hash: String(row.password_hash) }))
}
