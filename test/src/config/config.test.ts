import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ConfigError, loadConfig, readEnvironment, splitList } from '../../../src/config/config.ts'
import { Environment } from '../../../src/config/environment.ts'
import { makeFolder } from '../../support/folder.ts'

const SECRET = 'a secret of the tests with 32 characters or more'
const PRODUCTION = {
  NODE_ENV: 'production',
  DATABASE_URL: 'mysql://me:mine@db.example:3306/gatehouse',
  SESSION_SECRET: SECRET,
}
const NAMES = Object.keys(Environment.properties)

test('configuration, of an empty environment, has the defaults', (t: TestContext) => {
  t.assert.deepStrictEqual(
    { ...loadConfig({}) },
    {
      NODE_ENV: 'development',
      HOST: '127.0.0.1',
      PORT: 3000,
      WORKERS: '1',
      COOKIE_SECURE: false,
      BCRYPT_COST: 12,
      HASH_QUEUE: 100,
      PASSWORD_MIN_LENGTH: 8,
      REGISTRATION: 'open',
      SESSION_IDLE: 86_400,
      SESSION_LIFETIME: 2_592_000,
      EVENTS_RETENTION: 31_536_000,
      LOG_LEVEL: 'info',
      SERVER_TIMING: false,
      OPENAPI_ENABLED: true,
      DOCS_ENABLED: true,
      RATE_LIMIT_ENABLED: true,
      RATE_LIMIT_MAX: 6_000,
      RATE_LIMIT_WINDOW: 60,
      LOGIN_THROTTLE_ENABLED: true,
    },
  )
})

test('configuration, with every variable set, has every value in its type', (t: TestContext) => {
  const given = {
    ...PRODUCTION,
    HOST: '::1',
    PORT: '0',
    WORKERS: 'auto',
    COOKIE_SECURE: 'false',
    TRUST_PROXY: '10.0.0.0/8, ::1',
    BCRYPT_COST: '15',
    HASH_CONCURRENCY: '64',
    HASH_QUEUE: '0',
    PASSWORD_MIN_LENGTH: '64',
    REGISTRATION: 'admin',
    SESSION_IDLE: '300',
    SESSION_LIFETIME: '31536000',
    EVENTS_RETENTION: '86400',
    ALLOWED_ORIGINS: 'https://app.example,http://localhost:8080',
    LOG_LEVEL: 'silent',
    SERVER_TIMING: 'true',
    OPENAPI_ENABLED: 'false',
    DOCS_ENABLED: 'false',
    RATE_LIMIT_ENABLED: 'false',
    RATE_LIMIT_MAX: '1',
    RATE_LIMIT_WINDOW: '86400',
    RATE_LIMIT_ALLOW: '192.0.2.0/24',
    REDIS_URL: 'redis://127.0.0.1:6379',
    LOGIN_THROTTLE_ENABLED: 'false',
  }
  t.assert.deepStrictEqual(Object.keys(given).sort(), [...NAMES].sort())
  const typed = {
    PORT: 0,
    COOKIE_SECURE: false,
    BCRYPT_COST: 15,
    HASH_CONCURRENCY: 64,
    HASH_QUEUE: 0,
    PASSWORD_MIN_LENGTH: 64,
    SESSION_IDLE: 300,
    SESSION_LIFETIME: 31_536_000,
    EVENTS_RETENTION: 86_400,
    SERVER_TIMING: true,
    OPENAPI_ENABLED: false,
    DOCS_ENABLED: false,
    RATE_LIMIT_ENABLED: false,
    RATE_LIMIT_MAX: 1,
    RATE_LIMIT_WINDOW: 86_400,
    LOGIN_THROTTLE_ENABLED: false,
  }
  t.assert.deepStrictEqual({ ...loadConfig({ ...given, HOME: '/' }) }, { ...given, ...typed })
})

test('configuration, with every variable wrong, lists them all with what is allowed and no value', (t: TestContext) => {
  // HOST may be any text.
  const wrong = NAMES.filter((name) => name !== 'HOST')
  const value = (name: string) => `wrong-${name.toLowerCase().replaceAll('_', '')}`
  const message = faultsOf(t, Object.fromEntries(wrong.map((name) => [name, value(name)])))
  const told = Object.entries(Environment.properties)
    .filter(([name]) => name !== 'HOST')
    .map(([name, { title }]) => `  ${name} is not valid: ${title}`)
  const [first, ...lines] = message.split('\n')
  t.assert.strictEqual(first, 'The environment is not valid.')
  t.assert.deepStrictEqual(lines.sort(), told.sort())
  for (const name of wrong) t.assert.ok(!message.includes(value(name)), name)
})

test('configuration, at each limit, is taken, and one beyond is refused', (t: TestContext) => {
  const limits = {
    PORT: [0, 65_535],
    BCRYPT_COST: [10, 15],
    HASH_CONCURRENCY: [1, 64],
    HASH_QUEUE: [0, 10_000],
    PASSWORD_MIN_LENGTH: [8, 64],
    SESSION_IDLE: [300, 31_536_000],
    SESSION_LIFETIME: [300, 31_536_000],
    EVENTS_RETENTION: [86_400, 315_360_000],
    RATE_LIMIT_MAX: [1, 1_000_000_000],
    RATE_LIMIT_WINDOW: [1, 86_400],
  }
  for (const [name, [least = 0, most = 0]] of Object.entries(limits)) {
    for (const value of [least, most]) {
      const config: Record<string, unknown> = loadConfig({ [name]: String(value) })
      t.assert.strictEqual(config[name], value)
    }
    for (const value of [least - 1, most + 1, least + 0.5, 'many', `${least} `.repeat(2)]) {
      t.assert.match(faultsOf(t, { [name]: String(value) }), new RegExp(`^  ${name} `, 'm'))
    }
  }
  for (const value of ['1', '9', '10', '59', '64', 'auto']) {
    t.assert.strictEqual(loadConfig({ WORKERS: value }).WORKERS, value)
  }
  for (const value of ['0', '65', '100', '1.5', 'AUTO', '-1']) {
    t.assert.match(faultsOf(t, { WORKERS: value }), /^ {2}WORKERS /m)
  }
  for (const value of ['yes', '1', 'TRUE']) {
    const message = faultsOf(t, { COOKIE_SECURE: value, RATE_LIMIT_ENABLED: value })
    t.assert.match(message, /COOKIE_SECURE.*\n.*RATE_LIMIT_ENABLED/)
  }
})

test('configuration, once loaded, can not be changed', (t: TestContext) => {
  const config = loadConfig({})
  t.assert.throws(() => Object.assign(config, { PORT: 1 }), TypeError)
  t.assert.strictEqual(config.PORT, 3000)
})

test('configuration, for production without database or secret, names what is missing', (t: TestContext) => {
  const both = faultsOf(t, { NODE_ENV: 'production', PORT: 'x' })
  t.assert.match(both, /^ {2}DATABASE_URL is required in production: `mysql:/m)
  t.assert.match(both, /^ {2}SESSION_SECRET is required in production: 32 characters/m)
  t.assert.match(both, /^ {2}PORT is not valid: 0 to 65535/m)
  t.assert.doesNotMatch(faultsOf(t, { ...PRODUCTION, DATABASE_URL: '' }), /SESSION_SECRET/)
  t.assert.doesNotMatch(faultsOf(t, { ...PRODUCTION, SESSION_SECRET: '' }), /DATABASE_URL/)
  t.assert.strictEqual(loadConfig(PRODUCTION).SESSION_SECRET, SECRET)
})

test('COOKIE_SECURE and DOCS_ENABLED, where they are not set, go by production, the one on and the other off', (t: TestContext) => {
  for (const [name, inProduction] of [
    ['COOKIE_SECURE', true],
    ['DOCS_ENABLED', false],
  ] as const) {
    for (const [environment, expected] of [
      [PRODUCTION, inProduction],
      [{ NODE_ENV: 'development' }, name === 'DOCS_ENABLED'],
      [{ NODE_ENV: 'test' }, name === 'DOCS_ENABLED'],
    ] as const) {
      t.assert.strictEqual(loadConfig(environment)[name], expected)
      const other = loadConfig({ ...environment, [name]: String(!expected) })
      t.assert.strictEqual(other[name], !expected)
    }
  }
})

test('a variable that is empty, or of spaces alone, counts as not set', (t: TestContext) => {
  for (const value of ['', ' ', '\t \n']) {
    const empty = Object.fromEntries(NAMES.map((name) => [name, value]))
    t.assert.deepStrictEqual(loadConfig(empty), loadConfig({}))
  }
})

test('ALLOWED_ORIGINS takes origins as browsers send them, and nothing else', (t: TestContext) => {
  for (const good of ['https://app.example', 'http://[::1]:8080, https://xn--bcher-kva.example']) {
    t.assert.strictEqual(loadConfig({ ALLOWED_ORIGINS: good }).ALLOWED_ORIGINS, good)
  }
  for (const bad of [
    '*',
    'null',
    'app.example',
    'https://app.example/',
    'https://App.example',
    'https://app.example:443',
    'https://*.example',
    'https://app.example,',
    'ftp://app.example',
    'https://a b',
  ]) {
    t.assert.match(faultsOf(t, { ALLOWED_ORIGINS: bad }), /ALLOWED_ORIGINS is not valid/, bad)
  }
})

test('TRUST_PROXY takes addresses and CIDRs of both versions, and nothing else', (t: TestContext) => {
  for (const good of [
    '127.0.0.1',
    '::1',
    '10.0.0.0/8',
    'fd00::/8',
    '0.0.0.0/0,::/0, 10.1.2.3/32',
  ]) {
    t.assert.strictEqual(loadConfig({ TRUST_PROXY: good }).TRUST_PROXY, good)
  }
  for (const bad of [
    'true',
    '1',
    'localhost',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0.0/-1',
    '10.0.0.0/255.0.0.0',
    '127.0.0.1,',
    '127.0.0.1 10.0.0.1',
    '256.0.0.1',
  ]) {
    t.assert.match(faultsOf(t, { TRUST_PROXY: bad }), /TRUST_PROXY is not valid: addresses/, bad)
  }
})

test('SESSION_SECRET takes several of 32 characters or more each', (t: TestContext) => {
  const [first, second] = ['a'.repeat(32), 'b'.repeat(40)]
  const { SESSION_SECRET } = loadConfig({ SESSION_SECRET: `${first},${second}` })
  t.assert.deepStrictEqual(splitList(SESSION_SECRET), [first, second])
  for (const bad of [
    'a'.repeat(31),
    `${first},short`,
    `short,${first}`,
    `${first},`,
    `,${first}`,
  ]) {
    t.assert.match(faultsOf(t, { SESSION_SECRET: bad }), /SESSION_SECRET is not valid: 32/, bad)
  }
})

test('DATABASE_URL takes a MySQL URL with a database, and nothing else', (t: TestContext) => {
  for (const good of [PRODUCTION.DATABASE_URL, 'mysql://root@localhost/x?socketPath=%2Fs.sock']) {
    t.assert.strictEqual(loadConfig({ DATABASE_URL: good }).DATABASE_URL, good)
  }
  for (const bad of ['localhost', 'postgres://u@h/d', 'mysql://h', 'mysql://h/', 'mysql:///d']) {
    t.assert.match(faultsOf(t, { DATABASE_URL: bad }), /DATABASE_URL is not valid/, bad)
  }
})

test('the environment, with a file `.env` in the working folder, goes before it', async (t: TestContext) => {
  const folder = await makeFolder(t)
  await writeFile(join(folder, '.env'), 'GATEHOUSE_A=file\nGATEHOUSE_B=file\n')
  const before = process.cwd()
  process.chdir(folder)
  process.env.GATEHOUSE_A = 'process'
  t.after(() => {
    process.chdir(before)
    delete process.env.GATEHOUSE_A
  })
  const { GATEHOUSE_A, GATEHOUSE_B } = readEnvironment()
  t.assert.deepStrictEqual([GATEHOUSE_A, GATEHOUSE_B], ['process', 'file'])
})

/** @returns the message of the refusal */
function faultsOf(t: TestContext, environment: NodeJS.ProcessEnv): string {
  let message = ''
  t.assert.throws(
    () => loadConfig(environment),
    (error) => {
      message = error instanceof ConfigError ? error.message : ''
      return error instanceof ConfigError
    },
  )
  return message
}
