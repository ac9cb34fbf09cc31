import { after, type TestContext, test } from 'node:test'
import { hostsOf, withHosts } from '../../../db/connections/hosts.ts'
import { createDatabase, createEmptyDatabase } from '../../support/database/database.ts'
import { createDatabaseLink } from '../../support/database/database-link.ts'
import { isTidb } from '../../support/database/engine.ts'
import { createUser } from '../../support/database/limited-user.ts'
import { query } from '../../support/database/query.ts'
import { install } from '../../support/process/installation.ts'
import { collectTraces } from '../../support/tracing/collector.ts'

const CLI = 'src/cli.ts'
const OWNER = await createDatabase()
const { url: DATABASE_URL } = await createUser({ after }, OWNER, 'SELECT, INSERT, UPDATE, DELETE')
const TABLES = ['users', 'sessions', 'tokens', 'events', 'login_failures']
const COST = { BCRYPT_COST: '12' }

interface Check {
  status: string
  subject: string
  text: string
  todo?: string
}

function rowsOfTables() {
  return Promise.all(TABLES.map((table) => query(OWNER, `SELECT * FROM ${table}`)))
}

async function doctor(t: TestContext, environment: Record<string, string>) {
  const site = await install(t)
  const { code, stdout, stderr } = await site.run(CLI, ['doctor', '--json'], {
    DATABASE_URL,
    ...COST,
    ...environment,
  })
  t.assert.strictEqual(stderr, '')
  const checks: Check[] = JSON.parse(stdout)
  // The test server flushes less often: the durability has a test of its own.
  const bad = checks.filter(({ status, subject }) => status !== 'ok' && subject !== 'durability')
  const textOf = (name: string) => checks.find(({ subject }) => subject === name)?.text
  return { code, checks, textOf, bad: bad.map(({ status, subject }) => `${status} ${subject}`) }
}

test('doctor, on a good set-up, reports that every check is ok and ends with 0', async (t: TestContext) => {
  const { code, bad, textOf } = await doctor(t, {})
  t.assert.deepStrictEqual({ code, bad }, { code: 0, bad: [] })
  t.assert.strictEqual(textOf('schema'), 'is up to date')
  t.assert.match(textOf('database') ?? '', /^answers, (MySQL|MariaDB|TiDB) [0-9]+\./)
  t.assert.match(textOf('grants') ?? '', /has SELECT, INSERT, UPDATE, DELETE, and nothing else$/)
  t.assert.match(textOf('connections') ?? '', /^an instance opens up to 15; /)
  t.assert.match(textOf('public url') ?? '', /^is not checked\. Add --url /)
  t.assert.strictEqual(textOf('flask sessions'), 'are not exchanged')
})

test('doctor says what each server is, which cannot be reached, and which one must not be read', async (t: TestContext) => {
  const one = await doctor(t, {})
  t.assert.match(
    one.textOf('servers') ?? '',
    / is (MySQL|MariaDB): a single server, so no statement| is TiDB: all servers show /,
  )
  const [first, second] = [await createDatabaseLink(DATABASE_URL), await createDatabaseLink(OWNER)]
  t.after(() => Promise.all([first.cut(), second.cut()]))
  const several = await doctor(t, {
    DATABASE_URL: withHosts(first.url, [...hostsOf(first.url), '127.0.0.1:1']),
    DATABASE_READ_HOSTS: hostsOf(second.url).join(),
  })
  const texts = several.checks.filter(({ subject }) => subject === 'servers')
  const found = texts.map(({ status, text }) => `${status} ${text.replace(/^\S+ /, '')}`)
  t.assert.match(found[0] ?? '', /^ok is /)
  t.assert.match(found[1] ?? '', /^warn cannot be reached: /)
  t.assert.match(
    found[2] ?? '',
    isTidb ? /^ok is TiDB/ : /^fail is .*, which can lack what was committed on another server$/,
  )
  for (const subject of ['durability', 'connections', 'clock']) {
    const hosts = several.checks.filter((check) => check.subject === subject)
    t.assert.deepStrictEqual(
      hosts.map(({ text }) => text.split(': ', 1)[0]),
      [...hostsOf(first.url), ...hostsOf(second.url)],
      subject,
    )
  }
  const none = await doctor(t, { DATABASE_URL: 'mysql://me@127.0.0.1:1,127.0.0.1:2/gatehouse' })
  t.assert.deepStrictEqual(none.bad, ['fail servers', 'fail servers', 'fail database'])
})

test('doctor and other commands obey DATABASE_CONSISTENCY, as the server does', {
  skip: isTidb && 'each server of the engine can be read',
}, async (t: TestContext) => {
  const { code, bad } = await doctor(t, { DATABASE_CONSISTENCY: 'wait' })
  t.assert.deepStrictEqual([code, bad], [1, ['fail servers', 'fail database']])
  const site = await install(t)
  for (const command of [['migrate'], ['migrate', '--check'], ['user', 'list']]) {
    const environment = { DATABASE_URL: OWNER, DATABASE_CONSISTENCY: 'wait' }
    const ended = await site.run(CLI, command, environment)
    t.assert.strictEqual(ended.code, 1, command.join(' '))
    t.assert.match(ended.stderr, /may lack what was committed on others/, command.join(' '))
  }
})

test('doctor, with settings that are not valid, reports each as failed, also as JSON', async (t: TestContext) => {
  const { code, checks } = await doctor(t, { PORT: 'x', BCRYPT_COST: '99' })
  t.assert.strictEqual(code, 1)
  const found = checks.map(({ status, subject, text }) => [status, subject, text.split(' ', 1)[0]])
  t.assert.deepStrictEqual(found.sort(), [
    ['fail', 'settings', 'BCRYPT_COST'],
    ['fail', 'settings', 'PORT'],
  ])
})

test('doctor reports whether the exchange of Flask cookies is on or has ended', async (t: TestContext) => {
  const key = { FLASK_SECRET_KEY: 'c3f0a1d27be84956' }
  const on = await doctor(t, { ...key, FLASK_SESSIONS_UNTIL: '2999-12-31' })
  t.assert.match(on.textOf('flask sessions') ?? '', /exchanged until 3000-01-01T/)
  t.assert.deepStrictEqual([on.code, on.bad], [0, []])
  const over = await doctor(t, { ...key, FLASK_SESSIONS_UNTIL: '2020-12-31' })
  t.assert.match(over.textOf('flask sessions') ?? '', /^the exchange ended on 2021-01-01T/)
  t.assert.deepStrictEqual([over.code, over.bad], [0, ['warn flask sessions']])
  const weak = { FLASK_SECRET_KEY: 'short', FLASK_SESSIONS_UNTIL: '2999-12-31' }
  t.assert.deepStrictEqual((await doctor(t, weak)).bad, ['warn flask sessions'])
})

test('doctor warns of address ranges without TRUST_PROXY', async (t: TestContext) => {
  const url = await createDatabase()
  const { url: DATABASE_URL } = await createUser(t, url, 'SELECT, INSERT, UPDATE, DELETE')
  const none = await doctor(t, { DATABASE_URL })
  t.assert.deepStrictEqual(
    [none.textOf('address ranges'), none.bad],
    ['limit no service account', []],
  )
  await query(
    url,
    "INSERT INTO users (username, username_key, password_hash, kind, address_ranges) VALUES ('a', 'a', '*', 'service', '10.0.0.0/8')",
  )
  t.assert.deepStrictEqual((await doctor(t, { DATABASE_URL })).bad, ['warn address ranges'])
  const trusting = await doctor(t, { DATABASE_URL, TRUST_PROXY: '127.0.0.1' })
  t.assert.deepStrictEqual(
    [trusting.textOf('address ranges'), trusting.bad],
    ['limit 1 service accounts', []],
  )
})

test('doctor counts the imported accounts', async (t: TestContext) => {
  await query(
    OWNER,
    "INSERT INTO imported_users (user_id, username_key, keeps_id, password_hash, role) VALUES (7, 'a', 1, '', 'user')",
  )
  const { textOf } = await doctor(t, {})
  t.assert.strictEqual(textOf('import'), '1 accounts were imported')
})

test('doctor, with an old schema or without a database, reports the failure and ends with 1', async (t: TestContext) => {
  const behind = await doctor(t, { DATABASE_URL: await createEmptyDatabase() })
  t.assert.deepStrictEqual([behind.code, behind.bad], [1, ['warn grants', 'fail schema']])
  t.assert.match(
    behind.textOf('schema') ?? '',
    /^lacks the migrations 0000_accounts_and_sessions, .*, 0005_imported_accounts/,
  )
  const down = await doctor(t, { DATABASE_URL: 'mysql://root@127.0.0.1:1/gatehouse' })
  t.assert.deepStrictEqual([down.code, down.bad], [1, ['fail database']])
})

test('doctor warns of a schema that a newer version has migrated', async (t: TestContext) => {
  const owner = await createDatabase()
  const { url } = await createUser(t, owner, 'SELECT, INSERT, UPDATE, DELETE')
  await query(
    owner,
    "INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('newer', 9999999999999)",
  )
  const { code, bad } = await doctor(t, { DATABASE_URL: url })
  t.assert.deepStrictEqual([code, bad], [0, ['warn schema']])
})

test('doctor warns of a database that loses commits in a crash', async (t: TestContext) => {
  const [{ found } = {}] = await query(OWNER, 'SELECT @@innodb_flush_log_at_trx_commit AS found')
  const flush = isTidb ? 1 : found // TiDB has the variable, and ignores it
  const { checks } = await doctor(t, {})
  const check = checks.find(({ subject }) => subject === 'durability')
  t.assert.strictEqual(check?.status, flush === 1 ? 'ok' : 'warn')
  if (flush !== 1) t.assert.match(check?.todo ?? '', /^Set innodb_flush_log_at_trx_commit=1/)
})

test('doctor --capacity measures hashes and reads, changes nothing, sends no traces, and excludes --url', async (t: TestContext) => {
  const site = await install(t)
  const collector = await collectTraces(t)
  const environment = {
    ...{ DATABASE_URL, BCRYPT_COST: '10', WORKERS: '2', LOG_LEVEL: 'info' },
    ...collector.settings,
  }
  const before = await rowsOfTables()
  const { code, stdout, stderr } = await site.run(CLI, ['doctor', '--capacity', '--json'], {
    ...environment,
  })
  t.assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: '' })
  const found: Record<string, number> = JSON.parse(stdout)
  for (const name of ['hashMs', 'loginsPerSecond', 'requestUs', 'lookupUs', 'readsPerSecond']) {
    t.assert.ok((found[name] ?? 0) > 0, `${name}: ${found[name]}`)
  }
  t.assert.deepStrictEqual([found.workers, found.bcryptCost], [2, 10])
  t.assert.deepStrictEqual(await rowsOfTables(), before)
  t.assert.strictEqual(collector.received.length, 0, 'the measured requests leave no trace')

  const both = await site.run(CLI, ['doctor', '--capacity', '--url', 'http://a'], environment)
  t.assert.deepStrictEqual([both.code, both.stdout], [2, ''])
})

test('doctor warns of settings for load tests, and says what to do', async (t: TestContext) => {
  const { code, bad } = await doctor(t, { BCRYPT_COST: '10', LOGIN_THROTTLE_ENABLED: 'false' })
  t.assert.deepStrictEqual([code, bad], [0, ['warn settings', 'warn settings']])
  const site = await install(t)
  const environment = { DATABASE_URL, BCRYPT_COST: '10' }
  const { stdout } = await site.run(CLI, ['doctor'], environment)
  t.assert.match(stdout, /^warn {2}settings {8}BCRYPT_COST=10: .*\n {22}Change the setting, /m)
})
