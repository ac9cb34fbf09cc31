import { type TestContext, test } from 'node:test'
import { loadConfig } from '../../../src/config/config.ts'
import { configErrorOf } from '../../support/process/config-error.ts'

const PRODUCTION = {
  NODE_ENV: 'production',
  DATABASE_URL: 'mysql://me:mine@db.example:3306/gatehouse',
  SESSION_SECRET: 'a secret of the tests with 32 characters or more',
}

test('COOKIE_SECURE and DOCS_ENABLED, if not set, follow NODE_ENV: production turns the first on and the second off', (t: TestContext) => {
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

test('COOKIE_SAME_SITE=none without COOKIE_SECURE is rejected, together with all other errors', (t: TestContext) => {
  const conflict = /^ {2}COOKIE_SAME_SITE=none requires COOKIE_SECURE=true$/m
  const none = { COOKIE_SAME_SITE: 'none' }
  for (const environment of [
    none,
    { ...none, COOKIE_SECURE: 'false' },
    { ...PRODUCTION, ...none, COOKIE_SECURE: 'false' },
    { ...none, PORT: 'x' },
  ]) {
    const message = configErrorOf(t, () => loadConfig(environment))
    t.assert.match(message, conflict)
    t.assert.strictEqual(/PORT is not valid/.test(message), 'PORT' in environment)
  }
  for (const environment of [
    { ...none, COOKIE_SECURE: 'true' },
    { ...PRODUCTION, ...none },
  ]) {
    t.assert.strictEqual(loadConfig(environment).COOKIE_SAME_SITE, 'none')
  }
  t.assert.doesNotMatch(
    configErrorOf(t, () => loadConfig({ COOKIE_SAME_SITE: 'lax', PORT: 'x' })),
    /COOKIE/,
  )
})

test('METRICS_PORT that is the same as PORT, set or by default, is rejected, except 0', (t: TestContext) => {
  for (const environment of [{ METRICS_PORT: '3000' }, { METRICS_PORT: '80', PORT: '80' }]) {
    const message = configErrorOf(t, () => loadConfig(environment))
    t.assert.match(message, /^ {2}METRICS_PORT must differ from PORT$/m)
  }
  t.assert.strictEqual(loadConfig({ METRICS_PORT: '0', PORT: '0' }).METRICS_PORT, 0)
})
