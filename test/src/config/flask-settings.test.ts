import { type TestContext, test } from 'node:test'
import { loadConfig } from '../../../src/config/config.ts'
import { exchangeEnd, parseFlaskKey } from '../../../src/config/settings/flask.ts'
import { flaskKeyWarnings } from '../../../src/config/warnings.ts'
import { readyMessages } from '../../../src/server/ready-messages.ts'
import { createDatabase } from '../../support/database/database.ts'
import { configErrorOf } from '../../support/process/config-error.ts'
import { exitCode, install, startServer } from '../../support/process/installation.ts'

const KEY = 'f3a1c09b7d5e2468f3a1c09b'
const UNTIL = '2026-12-31'
const BEFORE = Date.parse('2026-12-31T23:59:59.999Z')
const AFTER = BEFORE + 1

test('FLASK_SESSIONS_UNTIL accepts a date, which lasts until its end in UTC, or a time with a zone', (t: TestContext) => {
  for (const [text, end] of [
    ['2026-12-31', '2027-01-01T00:00:00.000Z'],
    ['2028-02-29', '2028-03-01T00:00:00.000Z'],
    ['2026-12-31T18:00Z', '2026-12-31T18:00:00.000Z'],
    ['2026-12-31T18:00:30.5+02:00', '2026-12-31T16:00:30.500Z'],
  ] as const) {
    const config = loadConfig({ FLASK_SECRET_KEY: KEY, FLASK_SESSIONS_UNTIL: text })
    t.assert.strictEqual(exchangeEnd(config.FLASK_SESSIONS_UNTIL)?.toISOString(), end)
  }
  for (const bad of [
    ...['2026-02-30', '2027-02-29', '2026-13-01', '2026-00-10', '31.12.2026', '2026-1-1', '2026'],
    ...['2026-12-31T18:00:00', '2026-12-31 18:00:00Z', '2026-12-31T25:00Z', '2026-02-30T10:00Z'],
    ...['tomorrow', '1798761600', ' 2026-12-31', '2026-12-31T18:00+25:00'],
  ]) {
    const environment = { FLASK_SECRET_KEY: KEY, FLASK_SESSIONS_UNTIL: bad }
    const message = configErrorOf(t, () => loadConfig(environment))
    t.assert.match(message, /FLASK_SESSIONS_UNTIL is not valid: a date such as `2026-12-31`/, bad)
    t.assert.ok(!message.includes(KEY))
  }
})

test('FLASK_SECRET_KEY and FLASK_SESSIONS_UNTIL, one without the other, are rejected', (t: TestContext) => {
  for (const environment of [{ FLASK_SECRET_KEY: KEY }, { FLASK_SESSIONS_UNTIL: UNTIL }]) {
    const message = configErrorOf(t, () => loadConfig({ ...environment, PORT: 'x' }))
    t.assert.match(message, /^ {2}FLASK_SECRET_KEY and FLASK_SESSIONS_UNTIL require each other$/m)
    t.assert.match(message, /PORT is not valid/)
    t.assert.ok(!message.includes(KEY))
  }
  const both = loadConfig({ FLASK_SECRET_KEY: 'x', FLASK_SESSIONS_UNTIL: UNTIL })
  t.assert.strictEqual(both.FLASK_SECRET_KEY, 'x')
})

function linesOf(environment: Record<string, string>, now: number) {
  const config = loadConfig(environment)
  const ready = readyMessages({
    config,
    workers: 1,
    url: undefined,
    hasCurrentSchema: true,
    dataFolder: undefined,
    now,
  })
  const about = ready.filter((line) => line.includes('Flask'))
  return { about, warnings: flaskKeyWarnings(config, now) }
}

test('the log at the start states until when cookies are exchanged, or that it is over', (t: TestContext) => {
  const environment = { FLASK_SECRET_KEY: KEY, FLASK_SESSIONS_UNTIL: UNTIL }
  const end = '2027-01-01T00:00:00.000Z'
  t.assert.deepStrictEqual(linesOf({}, BEFORE), { about: [], warnings: [] })
  t.assert.deepStrictEqual(linesOf(environment, BEFORE), {
    about: [`Session cookies of the Flask service are exchanged until ${end}`],
    warnings: [],
  })
  t.assert.deepStrictEqual(linesOf(environment, AFTER), {
    about: [
      `The exchange of Flask session cookies ended on ${end}. Remove FLASK_SECRET_KEY and FLASK_SESSIONS_UNTIL`,
    ],
    warnings: [],
  })
})

test('a key of Flask that is short or a placeholder causes a warning without the key, while cookies are exchanged', (t: TestContext) => {
  for (const [key, reason] of [
    ['dev', 'has fewer than 16 bytes'],
    ['your_secret_key', 'has fewer than 16 bytes'],
    ['0123456789abcde', 'has fewer than 16 bytes'],
    ['my_super_secret_key', 'looks like a placeholder'],
    ['change-me-in-production', 'looks like a placeholder'],
    ['you-will-never-guess', 'looks like a placeholder'],
    ['xxxxxxxxxxxxxxxxxxxx', 'looks like a placeholder'],
  ] as const) {
    const environment = { FLASK_SECRET_KEY: key, FLASK_SESSIONS_UNTIL: UNTIL }
    t.assert.deepStrictEqual(linesOf(environment, BEFORE).warnings, [
      `FLASK_SECRET_KEY ${reason}: anyone who guesses it can sign in as any imported account`,
    ])
    t.assert.deepStrictEqual(linesOf(environment, AFTER).warnings, [])
  }
  const environment = { FLASK_SECRET_KEY: '0123456789abcdef', FLASK_SESSIONS_UNTIL: UNTIL }
  t.assert.deepStrictEqual(linesOf(environment, BEFORE).warnings, [])
})

test('the server, with a guessable key of Flask, logs at the start that cookies are exchanged, and a warning', async (t: TestContext) => {
  const site = await install(t)
  const { child, said, until } = await startServer(site, {
    NODE_ENV: 'production',
    DATABASE_URL: await createDatabase(),
    SESSION_SECRET: 'a secret of the tests with 32 characters or more',
    FLASK_SECRET_KEY: 'my_super_secret_key',
    FLASK_SESSIONS_UNTIL: '2999-12-31',
  })
  await until(/"level":40,.*"msg":"FLASK_SECRET_KEY looks like a placeholder: anyone/)
  await until(/"level":30,.*"msg":"Session cookies of the Flask service are exchanged until 3000-/)
  child.kill('SIGTERM')
  t.assert.strictEqual(await exitCode(child), 0)
  t.assert.ok(!said().includes('my_super_secret_key'))
})

test('FLASK_SECRET_KEY is taken as UTF-8, or as bytes in hex after `hex:`', (t: TestContext) => {
  for (const [text, bytes] of [
    ['kéy', '6bc3a979'],
    ['hex:5F233579ec5d2f', '5f233579ec5d2f'],
    ['hex:5f2', '6865783a356632'],
    ['hex:', '6865783a'],
  ] as const) {
    t.assert.strictEqual(parseFlaskKey(text).toString('hex'), bytes, text)
  }
})
