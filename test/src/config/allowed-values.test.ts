import { type TestContext, test } from 'node:test'
import { loadConfig } from '../../../src/config/config.ts'
import { configErrorOf } from '../../support/process/config-error.ts'

test('configuration, with a number at a limit, is accepted, and beyond it is rejected', (t: TestContext) => {
  const limits = {
    PORT: [0, 65_535],
    METRICS_PORT: [0, 65_535],
    BCRYPT_COST: [10, 15],
    HASH_CONCURRENCY: [1, 64],
    DATABASE_TIMEOUT_MS: [100, 60_000],
    HASH_QUEUE: [0, 10_000],
    PASSWORD_MIN_LENGTH: [8, 64],
    SESSION_IDLE: [300, 31_536_000],
    SESSION_LIFETIME: [300, 31_536_000],
    MAX_SESSIONS: [1, 10_000],
    MAX_TOKENS: [1, 10_000],
    EVENTS_RETENTION: [86_400, 315_360_000],
    IDEMPOTENCY_RETENTION: [60, 2_592_000],
    RATE_LIMIT_MAX: [1, 1_000_000_000],
    RATE_LIMIT_WINDOW: [1, 86_400],
    OTEL_EXPORTER_OTLP_TIMEOUT: [100, 60_000],
  }
  for (const [name, [least = 0, most = 0]] of Object.entries(limits)) {
    for (const value of [least, most]) {
      const config: Record<string, unknown> = loadConfig({ [name]: String(value) })
      t.assert.strictEqual(config[name], value)
    }
    for (const value of [least - 1, most + 1, least + 0.5, 'many', `${least} `.repeat(2)]) {
      t.assert.match(errorOf(t, { [name]: String(value) }), new RegExp(`^  ${name} `, 'm'))
    }
  }
  for (const value of ['1', '9', '10', '59', '64', 'auto']) {
    t.assert.strictEqual(loadConfig({ WORKERS: value }).WORKERS, value)
  }
  for (const value of ['0', '65', '100', '1.5', 'AUTO', '-1']) {
    t.assert.match(errorOf(t, { WORKERS: value }), /^ {2}WORKERS /m)
  }
  for (const value of ['yes', '1', 'TRUE']) {
    const message = errorOf(t, { COOKIE_SECURE: value, RATE_LIMIT_ENABLED: value })
    t.assert.match(message, /COOKIE_SECURE.*\n.*RATE_LIMIT_ENABLED/)
  }
})

function errorOf(t: TestContext, environment: NodeJS.ProcessEnv): string {
  return configErrorOf(t, () => loadConfig(environment))
}
