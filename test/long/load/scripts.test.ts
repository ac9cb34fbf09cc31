// Runs the scripts of load/ for some seconds each against the result of `npm run build`.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { copyFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, type TestContext, test } from 'node:test'
import { findProgram } from '../../../scripts/server-binary.mjs'
import { createDatabase } from '../../support/database/database.ts'
import { query } from '../../support/database/query.ts'
import { startLossyProxy, startSlowServer } from '../../support/http/bad-servers.ts'
import { startBuiltServer } from '../../support/process/built-server.ts'
import { makeFolder } from '../../support/process/folder.ts'
import { needsServerBinary } from '../../support/process/installation.ts'
import { runQuickStart } from './quick-start.ts'

const SERVER = resolve('dist/src/server.js')
const CLI = resolve('dist/src/cli.js')
const SCENARIOS = ['read', 'login', 'mixed']
const SECONDS = 2
const CONNECTIONS = 4
/** Far above what is wanted of a server that has the machine to itself. */
const P99_MS = '5000'
const TIMEOUT_MS = 60_000
const needsWrk = { timeout: TIMEOUT_MS, skip: findProgram('wrk') ? false : 'no wrk' }

if (!existsSync(SERVER)) throw new Error(`${SERVER} is missing: run \`npm run build\` first`)

const folder = await makeFolder({ after })
const DATA = join(folder, 'load/data')
const { PATH = '' } = process.env
/** As load/README.md says. */
const environment = {
  PATH,
  NODE_ENV: 'production',
  DATABASE_URL: await createDatabase(),
  SESSION_SECRET: 'the secret of the load test of 32 characters or more',
  PORT: '0',
  LOG_LEVEL: 'info',
  COOKIE_SECURE: 'false',
  BCRYPT_COST: '10',
  RATE_LIMIT_ENABLED: 'false',
  LOGIN_THROTTLE_ENABLED: 'false',
}
const url = await startBuiltServer(SERVER, folder, environment)
const seeded = await run(process.execPath, [CLI, 'seed', '--users', '200', '--yes'], environment)
if (seeded.code !== 0) throw new Error(seeded.said)

for (const scenario of SCENARIOS) {
  test(`load/autocannon.mjs passes its thresholds in the scenario ${scenario}`, {
    timeout: TIMEOUT_MS,
  }, async (t: TestContext) => {
    const { code, said } = await autocannon({ SCENARIO: scenario })
    t.assert.strictEqual(code, 0, said)
    t.assert.match(said, new RegExp(`^${scenario}: [1-9][0-9]* requests`, 'm'))
    t.assert.strictEqual(said.match(/^pass {3}/gm)?.length, 4, said)
  })

  test(
    `load/wrk.lua passes its thresholds in the scenario ${scenario}`,
    needsWrk,
    async (t: TestContext) => {
      const { code, said } = await wrk({ SCENARIO: scenario })
      t.assert.strictEqual(code, 0, said)
      t.assert.match(said, new RegExp(`^${scenario}: p50 [0-9.]+ ms`, 'm'))
      t.assert.strictEqual(said.match(/^pass {3}/gm)?.length, 4, said)
    },
  )
}

test(
  'the quick start of load/README.md runs from a fresh folder, passes its thresholds and leaves no server',
  { ...needsServerBinary, timeout: 3 * TIMEOUT_MS },
  runQuickStart,
)

test('load/autocannon.mjs sends one login for each nineteen reads in the scenario mixed, over many connections', async (t: TestContext) => {
  const countLogins = async () => {
    const [row] = await query(environment.DATABASE_URL, 'SELECT COUNT(*) AS logins FROM sessions')
    return Number(row?.logins)
  }
  const before = await countLogins()
  const settings = { SCENARIO: 'mixed', CONNECTIONS: '20', DURATION: '4', P99_MS: '20000' }
  const { said } = await autocannon(settings)
  const logins = (await countLogins()) - before
  const requests = Number(/^mixed: (\d+) requests/.exec(said)?.[1])
  // Not exactly: the connections are closed in the middle of their rounds.
  t.assert.ok(logins * 10 < requests && logins * 40 > requests, `${logins} of ${requests}: ${said}`)
})

test('load/changes.mjs passes its thresholds, makes each change once and leaves no token', async (t: TestContext) => {
  const before = await countTokens()
  const { code, said } = await changes({})
  t.assert.strictEqual(code, 0, said)
  t.assert.strictEqual(said.match(/^pass {3}/gm)?.length, 4, said)
  const after = await countTokens()
  const made = Number(/^changes: (\d+) made, \1 ended/.exec(said)?.[1])
  t.assert.deepStrictEqual(after, { live: before.live, made: before.made + made }, said)
})

test('load/changes.mjs repeats what is refused or has no answer with the same key, and makes each change once', async (t: TestContext) => {
  const before = await countTokens()
  const { code, said } = await changes({ BASE_URL: await startLossyProxy(url) })
  t.assert.strictEqual(code, 0, said)
  t.assert.match(
    said,
    /^repeated: [1-9][0-9]* requests, [1-9][0-9]* of them replayed by the server$/m,
  )
  const after = await countTokens()
  const made = Number(/^changes: (\d+) made, \1 ended/.exec(said)?.[1])
  t.assert.deepStrictEqual(after, { live: before.live, made: before.made + made }, said)
})

test('load/changes.mjs names a threshold that is exceeded and exits with 1', async (t: TestContext) => {
  const refused = await changes({ DATA: await forgedData() })
  t.assert.strictEqual(refused.code, 1, refused.said)
  t.assert.match(refused.said, /^FAIL {3}[1-9][0-9]* changes refused$/m)
  const slow = await changes({ P99_MS: '1' })
  t.assert.strictEqual(slow.code, 1, slow.said)
  t.assert.match(slow.said, /^FAIL {3}p99 of at most 1 ms$/m)
  const dead = await changes({ BASE_URL: 'http://127.0.0.1:1' })
  t.assert.strictEqual(dead.code, 1, dead.said)
  t.assert.match(dead.said, /^FAIL {3}[1-9][0-9]* changes without an answer$/m)
})

test('load/autocannon.mjs without data prints what to do', async (t: TestContext) => {
  const { code, said } = await autocannon({ DATA: folder })
  t.assert.strictEqual(code, 2)
  t.assert.match(said, /users\.csv is missing or empty: run gatehouse seed\.\n$/)
})

test('load/autocannon.mjs names a threshold that is exceeded and exits with 1', async (t: TestContext) => {
  const slow = await autocannon({ SCENARIO: 'login', P99_MS: '1' })
  t.assert.strictEqual(slow.code, 1, slow.said)
  t.assert.match(slow.said, /^FAIL {3}p99 of at most 1 ms$/m)
  const refused = await autocannon({ DATA: await forgedData() })
  t.assert.strictEqual(refused.code, 1, refused.said)
  t.assert.match(refused.said, /^FAIL {3}[1-9][0-9]* responses other than 2xx$/m)
})

test(
  'load/wrk.lua names a threshold that is exceeded and exits with 1',
  needsWrk,
  async (t: TestContext) => {
    const slow = await wrk({ SCENARIO: 'login', P99_MS: '1' })
    t.assert.strictEqual(slow.code, 1, slow.said)
    t.assert.match(slow.said, /^FAIL {3}p99 of at most 1 ms$/m)
    const refused = await wrk({ DATA: await forgedData() })
    t.assert.strictEqual(refused.code, 1, refused.said)
    t.assert.match(refused.said, /^FAIL {3}[1-9][0-9]* responses of 400 and above$/m)
  },
)

for (const [script, load, options] of [
  ['autocannon.mjs', autocannon, {}],
  ['wrk.lua', wrk, needsWrk],
] as const) {
  test(`load/${script} with very many connections passes its default threshold, and fails it on a slow server`, {
    ...options,
    timeout: TIMEOUT_MS,
  }, async (t: TestContext) => {
    const settings = { DURATION: '4', P99_MS: '' }
    const passed = await load({ ...settings, CONNECTIONS: '1000' })
    t.assert.strictEqual(passed.code, 0, passed.said)
    t.assert.match(passed.said, /^pass {3}p99 of at most 4000 ms$/m)
    const BASE_URL = await startSlowServer(2_400)
    const slow = await load({ ...settings, CONNECTIONS: '300', BASE_URL })
    t.assert.strictEqual(slow.code, 1, slow.said)
    t.assert.match(slow.said, /^FAIL {3}p99 of at most 1200 ms$/m)
  })
}

for (const [script, command, option] of [
  ['k6.js', process.execPath, '--check'],
  ['vegeta.sh', 'bash', '-n'],
] as const) {
  test(`load/${script}, whose tool is not in a package, has valid syntax`, (t: TestContext) => {
    const { status, stderr } = spawnSync(command, [option, `load/${script}`], { encoding: 'utf8' })
    t.assert.strictEqual(status, 0, stderr)
  })
}

/** @returns tokens in the database, and events of tokens that were made */
async function countTokens(): Promise<{ live: number; made: number }> {
  const count = async (sql: string) => {
    const [row] = await query(environment.DATABASE_URL, sql)
    return Number(row?.found)
  }
  return {
    live: await count('SELECT COUNT(*) AS found FROM tokens'),
    made: await count("SELECT COUNT(*) AS found FROM events WHERE type = 'token_created'"),
  }
}

function autocannon(settings: Record<string, string>) {
  return runScript('load/autocannon.mjs', settings)
}

function changes(settings: Record<string, string>) {
  return runScript('load/changes.mjs', settings)
}

function runScript(script: string, settings: Record<string, string>) {
  return run(process.execPath, [resolve(script)], {
    ...{ PATH, DATA, BASE_URL: url, P99_MS },
    ...{ CONNECTIONS: String(CONNECTIONS), DURATION: String(SECONDS), ...settings },
  })
}

function wrk(settings: Record<string, string>) {
  const { CONNECTIONS: connections = CONNECTIONS, DURATION = SECONDS, BASE_URL = url } = settings
  const load = ['-t', '2', `-c${connections}`, '-d', `${DURATION}s`, '--timeout', '10s']
  return run('wrk', [...load, '-s', resolve('load/wrk.lua'), BASE_URL], {
    PATH,
    DATA,
    P99_MS,
    ...settings,
  })
}

/** @returns a folder of data whose only cookie opens no session */
async function forgedData(): Promise<string> {
  const forged = await makeFolder({ after })
  await copyFile(join(DATA, 'users.csv'), join(forged, 'users.csv'))
  await writeFile(join(forged, 'cookies.csv'), 'cookie,userId\nsession=forged.x,1\n')
  return forged
}

/** Runs a program in the test's folder to its end. */
async function run(command: string, args: string[], env: Record<string, string>) {
  const child = spawn(command, args, { cwd: folder, env })
  const [stdout, stderr] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ])
  return { code: child.exitCode, said: stdout + stderr }
}
