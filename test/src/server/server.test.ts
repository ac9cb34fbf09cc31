import { existsSync } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { migrateDatabase } from '../../../src/config/resolve.ts'
import { createEmptyDatabase } from '../../support/database/database.ts'
import {
  ended,
  exitCode,
  install,
  isRunning,
  makeDatabaseFiles,
  needsServerBinary,
  startServer,
} from '../../support/process/installation.ts'
import { listenOnLoopback } from '../../support/process/listen-on-loopback.ts'

const databaseFiles = await makeDatabaseFiles()
const SERVER = 'src/server.ts'
const ALICE = { username: 'alice', password: 'tea at the old mill' }

test(
  'the server, started in an empty folder, serves, and logs its data folder and how to create an admin',
  needsServerBinary,
  async (t: TestContext) => {
    const site = await install(t)
    const { url, child, said } = await startServer(site)
    t.assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/)
    t.assert.strictEqual((await fetch(`${url}/readyz`)).status, 200)
    t.assert.ok(said().includes(`The data is in ${site.data}`))
    t.assert.match(said(), /gatehouse -- user create NAME --role admin/)
    const pid = site.databasePid()

    process.kill(-(child.pid ?? 0), 'SIGINT') // Ctrl-C reaches the whole group
    t.assert.strictEqual(await exitCode(child), 0)
    await ended(pid)
    t.assert.deepStrictEqual((await readdir(site.folder)).sort(), ['.data'])
  },
)

test(
  'the server, after SIGTERM or the loss of its database, finds users and sessions at its next start',
  needsServerBinary,
  async (t: TestContext) => {
    const site = await install(t, databaseFiles)
    const first = await startServer(site)
    t.assert.strictEqual((await post(`${first.url}/user`, ALICE)).status, 200)
    const login = await post(`${first.url}/login`, ALICE)
    const cookie = login.headers.getSetCookie()[0]?.replace(/;.*/, '') ?? ''
    const secretFile = join(site.data, 'session-secret')
    const secret = await readFile(secretFile, 'utf8')
    t.assert.strictEqual((await stat(secretFile)).mode & 0o777, 0o600)
    t.assert.match(secret, /^[0-9a-f]{64}$/)
    const pid = site.databasePid()

    first.child.kill('SIGTERM')
    t.assert.strictEqual(await exitCode(first.child), 0)
    t.assert.ok(!isRunning(pid))

    const second = await startServer(site)
    const me = await fetch(`${second.url}/me`, { headers: { cookie } })
    t.assert.strictEqual(me.status, 200)
    t.assert.match(await me.text(), /"username":"alice"/)
    t.assert.strictEqual(await readFile(secretFile, 'utf8'), secret)
    for (const { said } of [first, second]) t.assert.ok(!said().includes(secret))

    process.kill(site.databasePid(), 'SIGKILL')
    t.assert.strictEqual(await exitCode(second.child), 1)
    const fatal = second.said().match(/^.*"level":60.*$/gm) ?? []
    t.assert.strictEqual(fatal.length, 1)
    t.assert.match(
      fatal[0] ?? '',
      /"msg":"The private database server has exited\. Start Gatehouse again/,
    )
    t.assert.doesNotMatch(second.said(), /^\s+at |"level":50/m)

    const third = await startServer(site)
    t.assert.strictEqual((await fetch(`${third.url}/me`, { headers: { cookie } })).status, 200)
  },
)

test('the server, with invalid environment variables, names all of them and exits with 1', async (t: TestContext) => {
  const site = await install(t)
  const environment = { NODE_ENV: 'production', PORT: 'wrong-port', SESSION_SECRET: 'too short' }
  const { code, stdout, stderr } = await site.run(SERVER, [], environment)
  t.assert.strictEqual(code, 1)
  t.assert.strictEqual(stdout, '')
  for (const name of [
    'PORT is not valid',
    'SESSION_SECRET is not valid',
    'DATABASE_URL is required',
  ]) {
    t.assert.match(stderr, new RegExp(`^  ${name}`, 'm'))
  }
  t.assert.doesNotMatch(stderr, /wrong-port|too short|^\s+at /m)
  t.assert.deepStrictEqual(await readdir(site.folder), [])
})

test(
  'the server, whose port is in use, says so, exits with 1 and starts no database server',
  needsServerBinary,
  async (t: TestContext) => {
    const site = await install(t, databaseFiles)
    const other = createServer()
    t.after(() => other.close())
    const port = await listenOnLoopback(other)
    const { code, stderr } = await site.run(SERVER, [], { PORT: String(port) })
    t.assert.strictEqual(code, 1)
    t.assert.strictEqual(
      stderr,
      `PORT ${port} is in use: another process listens on 127.0.0.1:${port}. Set PORT to a free port.\n`,
    )
    t.assert.throws(site.databasePid, { message: 'no database server runs' })
  },
)

test('the server, in production, uses the configured database and creates no files', async (t: TestContext) => {
  const DATABASE_URL = await createEmptyDatabase()
  await migrateDatabase(DATABASE_URL)
  const site = await install(t)
  const SESSION_SECRET = 'a secret of the tests with 32 characters or more'
  const { url, child, said } = await startServer(site, {
    NODE_ENV: 'production',
    DATABASE_URL,
    SESSION_SECRET,
    BCRYPT_COST: '10',
  })
  t.assert.strictEqual((await post(`${url}/user`, ALICE)).status, 200)
  const login = await post(`${url}/login`, ALICE)
  t.assert.match(login.headers.getSetCookie()[0] ?? '', /^__Host-session=.*; Secure/)
  child.kill('SIGTERM')
  t.assert.strictEqual(await exitCode(child), 0)
  t.assert.ok(!existsSync(site.data))
  for (const secret of [SESSION_SECRET, ALICE.password]) t.assert.ok(!said().includes(secret))
})

test('the server, whose database cannot be reached, says so without the password and exits with 1', async (t: TestContext) => {
  const site = await install(t)
  const DATABASE_URL = 'mysql://me:hush@127.0.0.1:1/gatehouse'
  const { code, stderr } = await site.run(SERVER, [], { DATABASE_URL, PORT: '0' })
  t.assert.strictEqual(code, 1)
  t.assert.match(stderr, /^The database refused or could not be reached: .*ECONNREFUSED/m)
  t.assert.doesNotMatch(stderr, /hush|^\s+at /m)
})

function post(url: string, body: unknown): Promise<Response> {
  const headers = { 'content-type': 'application/json' }
  return fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
}
