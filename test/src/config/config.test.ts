import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { loadConfig, readEnvironment } from '../../../src/config/config.ts'
import { Environment } from '../../../src/config/settings/environment.ts'
import { configErrorOf } from '../../support/process/config-error.ts'
import { makeFolder } from '../../support/process/folder.ts'

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
      COOKIE_SAME_SITE: 'lax',
      COOKIE_PERSISTENT: false,
      BCRYPT_COST: 12,
      DATABASE_CONSISTENCY: 'auto',
      DATABASE_TIMEOUT_MS: 2_000,
      HASH_QUEUE: 100,
      PASSWORD_MIN_LENGTH: 8,
      REGISTRATION: 'open',
      SESSION_IDLE: 86_400,
      SESSION_LIFETIME: 2_592_000,
      MAX_SESSIONS: 1_000,
      MAX_TOKENS: 100,
      EVENTS_RETENTION: 31_536_000,
      IDEMPOTENCY_RETENTION: 86_400,
      LOG_LEVEL: 'info',
      LOG_FORMAT: 'auto',
      SERVER_TIMING: false,
      OPENAPI_ENABLED: true,
      DOCS_ENABLED: true,
      RATE_LIMIT_ENABLED: true,
      RATE_LIMIT_MAX: 6_000,
      RATE_LIMIT_WINDOW: 60,
      MAX_EVENT_LOOP_DELAY_MS: 500,
      LOGIN_THROTTLE_ENABLED: true,
      FLASK_SESSIONS_GRACE: 0,
      FLASK_SESSION_LIFETIME: 2_678_400,
      METRICS_HOST: '127.0.0.1',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
      OTEL_EXPORTER_OTLP_TIMEOUT: 10_000,
      OTEL_TRACES_SAMPLER: 'parentbased_always_on',
      OTEL_TRACES_SAMPLER_ARG: 1,
      OTEL_SDK_DISABLED: false,
    },
  )
})

test('configuration, with HOST=localhost, has an address, on which one server listens', (t: TestContext) => {
  t.assert.strictEqual(loadConfig({ HOST: 'localhost' }).HOST, '127.0.0.1')
  t.assert.strictEqual(loadConfig({ METRICS_HOST: 'localhost' }).METRICS_HOST, '127.0.0.1')
})

test('configuration, with every variable set, has every value in its type', (t: TestContext) => {
  const given = {
    ...PRODUCTION,
    HOST: '::1',
    PORT: '0',
    WORKERS: 'auto',
    COOKIE_SECURE: 'false',
    COOKIE_SAME_SITE: 'lax',
    COOKIE_PERSISTENT: 'true',
    TRUST_PROXY: '10.0.0.0/8, ::1',
    BCRYPT_COST: '15',
    HASH_CONCURRENCY: '64',
    DATABASE_READ_HOSTS: 'replica.example:3306,[::1]:3307',
    DATABASE_CONSISTENCY: 'wait',
    DATABASE_TIMEOUT_MS: '100',
    HASH_QUEUE: '0',
    PASSWORD_MIN_LENGTH: '64',
    REGISTRATION: 'admin',
    SESSION_IDLE: '300',
    SESSION_LIFETIME: '31536000',
    MAX_SESSIONS: '1',
    MAX_TOKENS: '10000',
    EVENTS_RETENTION: '86400',
    IDEMPOTENCY_RETENTION: '2592000',
    ALLOWED_ORIGINS: 'https://app.example,http://localhost:8080',
    LOG_LEVEL: 'silent',
    LOG_FORMAT: 'json-names',
    SERVER_TIMING: 'true',
    OPENAPI_ENABLED: 'false',
    DOCS_ENABLED: 'false',
    RATE_LIMIT_ENABLED: 'false',
    RATE_LIMIT_MAX: '1',
    RATE_LIMIT_WINDOW: '86400',
    RATE_LIMIT_ALLOW: '192.0.2.0/24',
    REDIS_URL: 'redis://127.0.0.1:6379',
    MAX_EVENT_LOOP_DELAY_MS: '60000',
    LOGIN_THROTTLE_ENABLED: 'false',
    METRICS_PORT: '65535',
    METRICS_HOST: '::1',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318',
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://traces.example/v1/traces',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Basic%20abc,x-scope=1',
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-scope=2',
    OTEL_EXPORTER_OTLP_TIMEOUT: '100',
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.01',
    OTEL_SERVICE_NAME: 'accounts',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=staging',
    OTEL_SDK_DISABLED: 'true',
    FLASK_SECRET_KEY: 'any text, with a comma',
    FLASK_SESSIONS_UNTIL: '2026-12-31',
    FLASK_SESSIONS_GRACE: '5',
    FLASK_SESSION_LIFETIME: '3600',
  }
  t.assert.deepStrictEqual(Object.keys(given).sort(), [...NAMES].sort())
  const typed = {
    PORT: 0,
    COOKIE_SECURE: false,
    COOKIE_PERSISTENT: true,
    BCRYPT_COST: 15,
    HASH_CONCURRENCY: 64,
    DATABASE_TIMEOUT_MS: 100,
    HASH_QUEUE: 0,
    PASSWORD_MIN_LENGTH: 64,
    SESSION_IDLE: 300,
    SESSION_LIFETIME: 31_536_000,
    MAX_SESSIONS: 1,
    MAX_TOKENS: 10_000,
    EVENTS_RETENTION: 86_400,
    IDEMPOTENCY_RETENTION: 2_592_000,
    SERVER_TIMING: true,
    OPENAPI_ENABLED: false,
    DOCS_ENABLED: false,
    RATE_LIMIT_ENABLED: false,
    RATE_LIMIT_MAX: 1,
    RATE_LIMIT_WINDOW: 86_400,
    MAX_EVENT_LOOP_DELAY_MS: 60_000,
    LOGIN_THROTTLE_ENABLED: false,
    FLASK_SESSIONS_GRACE: 5,
    FLASK_SESSION_LIFETIME: 3_600,
    METRICS_PORT: 65_535,
    OTEL_EXPORTER_OTLP_TIMEOUT: 100,
    OTEL_TRACES_SAMPLER_ARG: 0.01,
    OTEL_SDK_DISABLED: true,
  }
  t.assert.deepStrictEqual({ ...loadConfig({ ...given, HOME: '/' }) }, { ...given, ...typed })
})

test('configuration, with every variable wrong, lists them all with what is allowed and no value', (t: TestContext) => {
  const anyText = ['HOST', 'METRICS_HOST', 'FLASK_SECRET_KEY', 'OTEL_SERVICE_NAME']
  const wrong = NAMES.filter((name) => name !== 'HOST')
  const value = (name: string) => `wrong/${name.toLowerCase().replaceAll('_', '')}`
  const message = errorOf(t, Object.fromEntries(wrong.map((name) => [name, value(name)])))
  const expected = Object.entries(Environment.properties)
    .filter(([name]) => !anyText.includes(name))
    .map(([name, { title }]) => `  ${name} is not valid: ${title}`)
  const lines = message.split('\n')
  t.assert.strictEqual(lines.shift(), 'The configuration is not valid.')
  t.assert.match(lines.pop() ?? '', /^Settings come from environment variables and from \/.*\.env/)
  t.assert.deepStrictEqual(lines.sort(), expected.sort())
  for (const name of wrong) t.assert.ok(!message.includes(value(name)), name)
})

test('configuration, once loaded, cannot be changed', (t: TestContext) => {
  const config = loadConfig({})
  t.assert.throws(() => Object.assign(config, { PORT: 1 }), TypeError)
  t.assert.strictEqual(config.PORT, 3000)
})

test('configuration, for production without database or secret, names what is missing', (t: TestContext) => {
  const both = errorOf(t, { NODE_ENV: 'production', PORT: 'x' })
  t.assert.match(both, /^ {2}DATABASE_URL is required in production: `mysql:/m)
  t.assert.match(both, /^ {2}SESSION_SECRET is required in production: 32 characters/m)
  t.assert.match(both, /^ {2}PORT is not valid: 0 to 65535/m)
  t.assert.doesNotMatch(errorOf(t, { ...PRODUCTION, DATABASE_URL: '' }), /SESSION_SECRET/)
  t.assert.doesNotMatch(errorOf(t, { ...PRODUCTION, SESSION_SECRET: '' }), /DATABASE_URL/)
  t.assert.strictEqual(loadConfig(PRODUCTION).SESSION_SECRET, SECRET)
})

test('configuration, of a built server without database, is rejected with any NODE_ENV, and the error names the path of .env', async (t: TestContext) => {
  const folder = await workIn(t)
  const file = join(folder, '.env')
  t.assert.strictEqual(
    errorOf(t, { SESSION_SECRET: SECRET }, true),
    [
      'The configuration is not valid.',
      '  DATABASE_URL is required: `mysql://user:password@host:port/database`; several hosts are separated by commas',
      `Settings come from environment variables and from ${file}, which does not exist.`,
    ].join('\n'),
  )
  await writeFile(file, '')
  const lines = errorOf(t, { ...PRODUCTION, DATABASE_URL: '' }, true).split('\n')
  t.assert.deepStrictEqual(lines.slice(1), [
    '  DATABASE_URL is required in production: `mysql://user:password@host:port/database`; several hosts are separated by commas',
    `Settings come from environment variables and from ${file}.`,
  ])
  const { DATABASE_URL } = PRODUCTION
  t.assert.strictEqual(loadConfig({ DATABASE_URL }, true).NODE_ENV, 'development')
})

test('a variable that is empty or blank counts as not set', (t: TestContext) => {
  for (const value of ['', ' ', '\t \n']) {
    const empty = Object.fromEntries(NAMES.map((name) => [name, value]))
    t.assert.deepStrictEqual(loadConfig(empty), loadConfig({}))
  }
})

test('a variable of the process, also set in the file `.env`, takes precedence', async (t: TestContext) => {
  const folder = await workIn(t)
  await writeFile(join(folder, '.env'), 'GATEHOUSE_A=file\nGATEHOUSE_B=file\n')
  process.env.GATEHOUSE_A = 'process'
  t.after(() => {
    delete process.env.GATEHOUSE_A
  })
  const { GATEHOUSE_A, GATEHOUSE_B } = readEnvironment()
  t.assert.deepStrictEqual([GATEHOUSE_A, GATEHOUSE_B], ['process', 'file'])
})

/** Makes an empty folder the working folder of the test. */
async function workIn(t: TestContext): Promise<string> {
  const folder = await makeFolder(t)
  const before = process.cwd()
  process.chdir(folder)
  t.after(() => process.chdir(before))
  return folder
}

function errorOf(t: TestContext, environment: NodeJS.ProcessEnv, isBuilt = false): string {
  return configErrorOf(t, () => loadConfig(environment, isBuilt))
}
