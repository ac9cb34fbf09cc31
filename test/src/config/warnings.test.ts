import { type TestContext, test } from 'node:test'
import { loadConfig } from '../../../src/config/config.ts'
import { loadTestWarnings } from '../../../src/config/warnings.ts'
import { createDatabase } from '../../support/database/database.ts'
import { exitCode, install, startServer } from '../../support/process/installation.ts'

const PRODUCTION = {
  NODE_ENV: 'production',
  DATABASE_URL: await createDatabase(),
  SESSION_SECRET: 'a secret of the tests with 32 characters or more',
}
const ALL = {
  RATE_LIMIT_ENABLED: 'false',
  LOGIN_THROTTLE_ENABLED: 'false',
  COOKIE_SECURE: 'false',
  BCRYPT_COST: '11',
}

test('a configuration, with the defaults, causes no warning', (t: TestContext) => {
  t.assert.deepStrictEqual(loadTestWarnings(loadConfig({})), [])
  t.assert.deepStrictEqual(loadTestWarnings(loadConfig(PRODUCTION)), [])
})

test('a setting for load tests causes one warning, with its name and value', (t: TestContext) => {
  for (const [name, value] of [...Object.entries(ALL), ['RATE_LIMIT_ALLOW', '192.0.2.0/24']]) {
    const lines = loadTestWarnings(loadConfig({ ...PRODUCTION, [name ?? '']: value }))
    t.assert.strictEqual(lines.length, 1, name)
    t.assert.ok(lines[0]?.startsWith(`${name}=${value}`), lines[0])
  }
  const without = loadTestWarnings(
    loadConfig({ RATE_LIMIT_ALLOW: '::1', RATE_LIMIT_ENABLED: 'false' }),
  )
  t.assert.strictEqual(without.length, 1, 'a list of exemptions means nothing without a limit')
  t.assert.deepStrictEqual(loadTestWarnings(loadConfig({ COOKIE_SECURE: 'false' })), [])
})

for (const WORKERS of ['1', '2']) {
  test(`the server, with settings for load tests and WORKERS=${WORKERS}, logs each warning once`, async (t: TestContext) => {
    const site = await install(t)
    const settings = { ...PRODUCTION, ...ALL, WORKERS }
    const { child, said, until } = await startServer(site, settings)
    if (WORKERS !== '1') await until(/All workers serve/)
    const lines = loadTestWarnings(loadConfig(settings))
    t.assert.strictEqual(lines.length, 4)
    for (const line of lines) await until(new RegExp(`"level":40,.*"msg":"${line}"`))
    child.kill('SIGTERM')
    t.assert.strictEqual(await exitCode(child), 0) // so that all has been logged
    for (const line of lines) t.assert.strictEqual(said().split(line).length, 2, line)
  })
}
