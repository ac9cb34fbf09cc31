import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createDatabase } from '../../support/database/database.ts'
import { query } from '../../support/database/query.ts'
import { createSource, type FlaskRow, OLD_HASH } from '../../support/flask/source-table.ts'
import { install } from '../../support/process/installation.ts'
import { needsTerminals, runOnTerminal } from '../../support/process/terminal.ts'

const CLI = 'src/cli.ts'
const GOOD: FlaskRow = { id: 1, username: 'ann', password: OLD_HASH }
const PLAIN = { id: 2, username: 'bob', password: 'Sommer 26' }
const BAD = { id: 3, username: 'c\u0007y', password: 'Winter 26' }

async function setUp(t: TestContext, rows: FlaskRow[]) {
  const DATABASE_URL = await createDatabase()
  const [site, source] = [await install(t), await createSource(rows)]
  const run = (args: string[], environment = {}) =>
    site.run(CLI, ['import', ...args], { DATABASE_URL, BCRYPT_COST: '10', ...environment })
  const stored = () => query(DATABASE_URL, 'SELECT id, username FROM users ORDER BY id')
  return { site, source, run, stored, DATABASE_URL }
}

test('import, when all rows come over, prints the report and ends with 0', async (t: TestContext) => {
  const { run, source, stored, DATABASE_URL } = await setUp(t, [GOOD, PLAIN])
  const { code, stdout, stderr } = await run([source])
  t.assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: '' })
  t.assert.match(
    stdout,
    /^2 rows in table user of [^ @]+, [0-9.]+ s:\n {2}2 created \(1 bcrypt, 0 scrypt, 0 pbkdf2, 1 plain text hashed now\)\n$/,
  )
  t.assert.deepStrictEqual(await stored(), [
    { id: 1, username: 'ann' },
    { id: 2, username: 'bob' },
  ])
  const [event] = await query(DATABASE_URL, 'SELECT detail FROM events')
  t.assert.match(String(event?.detail), /^\{"count":2,.*"via":"cli","osUser":"[^"]+"\}$/)
})

test('import, when rows are refused, lists them without passwords, stores the others and ends with 2', async (t: TestContext) => {
  const { run, source, stored } = await setUp(t, [GOOD, BAD, { ...PLAIN, role: 'root' }])
  const { code, stdout, stderr } = await run([source])
  t.assert.deepStrictEqual({ code, stderr }, { code: 2, stderr: '' })
  t.assert.match(stdout, /\nrefused: id 2 "bob": the role is neither `user` nor `admin`\n/)
  t.assert.match(stdout, /\nrefused: id 3 "c\\u0007y": the username has control characters/)
  t.assert.doesNotMatch(stdout, /Sommer|Winter|\$2b\$|root/)
  t.assert.deepStrictEqual(await stored(), [{ id: 1, username: 'ann' }])
})

test('import shows characters of names that a terminal would obey as escapes, also in JSON', async (t: TestContext) => {
  const { run, source } = await setUp(t, [{ ...GOOD, username: 'x\u202ey', role: 'root' }])
  for (const args of [[], ['--json']]) {
    const { stdout } = await run([source, ...args])
    t.assert.match(stdout, /x\\u202ey/)
    t.assert.doesNotMatch(stdout, /\u202e/)
  }
})

test('import --rejects writes the refused rows to a file for its owner, and the report does not list them', async (t: TestContext) => {
  const { site, run, source } = await setUp(t, [GOOD, BAD])
  const { code, stdout } = await run([source, '--rejects', 'rejects.ndjson'])
  t.assert.strictEqual(code, 2)
  t.assert.doesNotMatch(stdout, /^refused:/m)
  const file = join(site.folder, 'rejects.ndjson')
  t.assert.strictEqual((await stat(file)).mode & 0o777, 0o600)
  const [line = '', ...others] = (await readFile(file, 'utf8')).split('\n')
  const { message: _, ...rejected } = JSON.parse(line)
  t.assert.deepStrictEqual(rejected, {
    place: 'id 3',
    username: 'c\u0007y',
    reason: 'username-invalid',
  })
  t.assert.deepStrictEqual(others, [''])
})

test('import --dry-run --json prints the numbers as JSON and stores nothing', async (t: TestContext) => {
  const { run, source, stored } = await setUp(t, [GOOD, PLAIN, BAD])
  const { code, stdout } = await run([source, '--dry-run', '--json'])
  t.assert.strictEqual(code, 2)
  const { created, refused, dryRun, refusals } = JSON.parse(stdout)
  t.assert.deepStrictEqual({ created, refused, dryRun }, { created: 2, refused: 1, dryRun: true })
  t.assert.strictEqual(refusals[0].reason, 'username-invalid')
  t.assert.deepStrictEqual(await stored(), [])
})

test('import reads CSV and NDJSON files, and gives ids to rows without one', async (t: TestContext) => {
  const { site, run, stored } = await setUp(t, [])
  const csv = `id,username,password,role\n40,ann,"${OLD_HASH}",user\n,bob,Sommer 26,user\nbroken\n`
  await writeFile(join(site.folder, 'a.csv'), csv)
  const first = await run(['a.csv', '--reserve-ids', '10'])
  t.assert.strictEqual(first.code, 2)
  t.assert.match(first.stdout, /\nrefused: line 4: the line is not a row of accounts/)
  await writeFile(
    join(site.folder, 'b.ndjson'),
    `{"username":"BOB","password":"Sommer 26","role":"user"}\n{"id":41,"username":"cy","hash":"${OLD_HASH}","role":"admin"}\n`,
  )
  const second = await run(['b.ndjson'])
  t.assert.deepStrictEqual([second.code, second.stderr], [0, ''])
  t.assert.match(second.stdout, / 1 created .*\n {2}1 already present/)
  t.assert.deepStrictEqual(await stored(), [
    { id: 40, username: 'ann' },
    { id: 41, username: 'cy' },
    { id: 51, username: 'bob' },
  ])
})

test('import from a source that cannot be read prints why, without its password, and ends with 1', async (t: TestContext) => {
  const { site, run, source, stored } = await setUp(t, [GOOD])
  await writeFile(join(site.folder, 'a.csv'), 'name,secret\na,b\n')
  const closed = 'mysql://root:s3cret@127.0.0.1:1/flask-crud'
  const failures: [string[], RegExp][] = [
    [[closed], /^The source cannot be read: .*ECONNREFUSED/],
    [['mysql://root:s3cret@127.0.0.1'], /^The source is not a URL such as mysql:/],
    [['postgres://root:s3cret@127.0.0.1/x'], /^The source is neither/],
    [['missing.csv'], /ENOENT/],
    [['a.csv'], /must name the columns/],
    [[source, '--table', 'users'], /^The source cannot be read: Table .* doesn't exist/],
    [[], /^error: give either a source or --forget/],
    [[source, '--forget'], /^error: give either a source or --forget/],
    [['a.csv', '--rejects', './a.csv'], /^error: --rejects would overwrite the source/],
    [[source, '--rejects', '.'], /^\. is not a file/],
    [['--forget', '--dry-run'], /^error: --forget takes no other option/],
    [[source, '--rejects', 'missing/rejects.ndjson'], /ENOENT/],
    [[source, '--unknown'], /^error: unknown option/],
    [
      [source, '--reserve-ids', '-1'],
      /^error: option '--reserve-ids <n>' argument '-1' is invalid/,
    ],
  ]
  for (const [args, said] of failures) {
    const { code, stdout, stderr } = await run(args)
    t.assert.deepStrictEqual({ code, stdout }, { code: 1, stdout: '' }, args.join(' '))
    t.assert.match(stderr, said)
    t.assert.doesNotMatch(stderr, /s3cret/)
  }
  t.assert.deepStrictEqual(await stored(), [])
})

test('import takes the password of the source from MYSQL_PWD, and the scheme of SQLAlchemy', async (t: TestContext) => {
  const { run, source, DATABASE_URL } = await setUp(t, [GOOD])
  const url = new URL(source)
  const name = `reader_${url.pathname.slice(-12)}`
  const server = Object.assign(new URL(DATABASE_URL), { pathname: '/' }).href
  await query(server, `CREATE USER ${name}@'%' IDENTIFIED BY 'p@ss/word'`)
  t.after(() => query(server, `DROP USER ${name}@'%'`))
  await query(server, `GRANT SELECT ON ${url.pathname.slice(1)}.user TO ${name}@'%'`)
  url.username = name
  url.password = ''
  const sqlalchemy = url.href.replace('mysql:', 'mysql+pymysql:')
  const { code, stdout, stderr } = await run([sqlalchemy], { MYSQL_PWD: 'p@ss/word' })
  t.assert.deepStrictEqual([code, stderr], [0, ''])
  t.assert.match(stdout, / 1 created/)
})

test('import --forget forgets what was imported, and keeps the accounts', async (t: TestContext) => {
  const { run, source, stored, DATABASE_URL } = await setUp(t, [GOOD])
  await run([source])
  const { code, stdout } = await run(['--forget'])
  t.assert.strictEqual(code, 0)
  t.assert.match(stdout, /^Forgot 1 imported accounts\./)
  t.assert.deepStrictEqual(await query(DATABASE_URL, 'SELECT * FROM imported_users'), [])
  t.assert.deepStrictEqual(await stored(), [{ id: 1, username: 'ann' }])
})

test(
  'import, on a terminal, shows how many passwords are hashed and the time left',
  needsTerminals,
  async (t: TestContext) => {
    const { site, source, DATABASE_URL } = await setUp(t, [GOOD, PLAIN])
    const environment = { DATABASE_URL, BCRYPT_COST: '10' }
    const { code, said } = await runOnTerminal(site, CLI, ['import', source], environment, [])
    t.assert.strictEqual(code, 0)
    t.assert.match(said, /100 % of 1 passwords hashed, [0-9a-z]+ left/i)
    t.assert.match(said, /100 % of 2 accounts stored/)
  },
)
