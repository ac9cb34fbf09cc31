// Runs the result of `npm run build` as in production.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { Agent, get } from 'node:http'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, type TestContext, test } from 'node:test'
import { createEmptyDatabase } from '../support/database/database.ts'

const SERVER = resolve('dist/src/server.js')
const CLI = resolve('dist/src/cli.js')
const START_TIMEOUT_MS = 60_000
const COMMAND_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 60_000
const SESSION_SECRET = 'the secret of the smoke test of 32 characters or more'

if (!existsSync(SERVER)) throw new Error(`${SERVER} is missing: run \`npm run build\` first`)

const DATABASE_URL = await createEmptyDatabase()
const secondDatabaseUrl = await createEmptyDatabase()

// The working folder of the processes, without the `.env` of the checkout. They must not write to it.
const folder = await mkdtemp(join(tmpdir(), 'gatehouse-smoke-'))
after(() => rm(folder, { recursive: true, force: true }))

test('a built server is ready when the schema is migrated, and not before', async (t: TestContext) => {
  const environment = production(DATABASE_URL)
  const { url } = await startServer(t, environment)
  t.assert.strictEqual((await fetch(`${url}/livez`)).status, 200)
  const early = await fetch(`${url}/readyz`)
  t.assert.strictEqual(early.status, 503)
  t.assert.strictEqual(early.headers.get('retry-after'), '1')

  const migrated = await runScript(CLI, ['migrate'], environment)
  t.assert.strictEqual(migrated.code, 0, migrated.stderr)
  t.assert.match(migrated.stdout, /^Migrations applied: [1-9]/)
  t.assert.strictEqual((await fetch(`${url}/readyz`)).status, 200)

  const again = await runScript(CLI, ['migrate'], environment)
  t.assert.strictEqual(again.code, 0, again.stderr)
  t.assert.strictEqual(again.stdout, 'The schema is up to date.\n')
})

test('a built server serves the document, and the page if it is switched on', async (t: TestContext) => {
  const environment = production(DATABASE_URL)
  const { url } = await startServer(t, environment)
  const document = await fetch(`${url}/openapi.json`)
  t.assert.strictEqual(((await document.json()) as { openapi: string }).openapi, '3.1.0')
  t.assert.strictEqual((await fetch(`${url}/docs`)).status, 404)

  const open = await startServer(t, { ...environment, DOCS_ENABLED: 'true' })
  const page = await fetch(`${open.url}/docs`)
  t.assert.strictEqual(page.status, 200)
  t.assert.match(await page.text(), /<title>Gatehouse<\/title>/)
})

test('a built server serves an account from registration to deletion', async (t: TestContext) => {
  const environment = production(secondDatabaseUrl)
  const migrated = await runScript(CLI, ['migrate'], environment)
  t.assert.strictEqual(migrated.code, 0, migrated.stderr)
  const { url, output } = await startServer(t, environment)

  const alice = { username: 'alice', password: 'tea at the old mill' }
  const registered = await call(url, 'POST', '/user', { body: alice })
  t.assert.strictEqual(registered.status, 200)
  // Required by the contract. `me` below is compared with the complete user.
  const { user } = (await registered.json()) as { user: { id: number } }

  const cookie = await logIn(t, url, alice)
  const me = await call(url, 'GET', '/me', { cookie })
  t.assert.deepStrictEqual(await me.json(), user)

  const change = { password: 'coffee at the new one', currentPassword: alice.password }
  const path = `/user/update-password/${user.id}`
  t.assert.strictEqual((await call(url, 'PUT', path, { cookie, body: change })).status, 200)
  t.assert.strictEqual((await call(url, 'POST', '/login', { body: alice })).status, 400)
  const changed = { ...alice, password: change.password }
  const second = await logIn(t, url, changed)

  t.assert.strictEqual((await call(url, 'POST', '/logout', { cookie })).status, 200)
  t.assert.strictEqual((await call(url, 'GET', '/me', { cookie })).status, 401)

  const ada = { username: 'ada', password: 'brass wheels and cards' }
  const args = ['user', 'create', ada.username, '--role', 'admin']
  const made = await runScript(CLI, args, environment, `${ada.password}\n`)
  t.assert.strictEqual(made.code, 0, made.stderr)
  const admin = await logIn(t, url, ada)
  const own = `/user/${user.id}`
  t.assert.strictEqual((await call(url, 'DELETE', own, { cookie: second })).status, 401)
  t.assert.strictEqual((await call(url, 'DELETE', own, { cookie: admin })).status, 200)
  t.assert.strictEqual((await call(url, 'GET', own, { cookie: admin })).status, 404)
  t.assert.strictEqual((await call(url, 'GET', '/me', { cookie: second })).status, 401)

  for (const secret of [SESSION_SECRET, alice.password, change.password, ada.password, '$2b$']) {
    t.assert.ok(!output().includes(secret), 'the log holds no secret')
  }
  t.assert.deepStrictEqual(await readdir(folder), [], 'nothing was written')
})

test('a built server exits with 0 on SIGTERM while connections are open', async (t: TestContext) => {
  const { url, child } = await startServer(t, production(DATABASE_URL))
  const agent = new Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  const [response] = await once(get(`${url}/livez`, { agent }), 'response')
  await text(response)

  child.kill('SIGTERM')
  const [code] = await once(child, 'exit', { signal: AbortSignal.timeout(STOP_TIMEOUT_MS) })
  t.assert.strictEqual(code, 0)
})

test('a built server without a session secret names the setting and exits with 1', async (t: TestContext) => {
  const { SESSION_SECRET: _, ...environment } = production(DATABASE_URL)
  const { code, stderr } = await runScript(SERVER, [], environment)
  t.assert.strictEqual(code, 1)
  t.assert.match(stderr, /SESSION_SECRET is required in production/)
})

test('a built server and a built command without a database name it, create nothing and end with 1', async (t: TestContext) => {
  for (const [script, args] of [
    [SERVER, []],
    [CLI, ['migrate']],
    [CLI, ['seed']],
  ] as const) {
    const { code, stdout, stderr } = await runScript(script, [...args], { PORT: '0' })
    t.assert.strictEqual(code, 1)
    t.assert.strictEqual(stdout, '')
    t.assert.match(stderr, /^ {2}DATABASE_URL is required: `mysql:/m)
    t.assert.ok(stderr.includes(`${join(folder, '.env')}, which does not exist`), stderr)
  }
  t.assert.deepStrictEqual(await readdir(folder), [], 'nothing was written')
})

function production(url: string) {
  return {
    NODE_ENV: 'production',
    DATABASE_URL: url,
    SESSION_SECRET,
    PORT: '0',
    BCRYPT_COST: '10',
  }
}

/** Starts the server and waits until it listens; it is killed after the test if it still runs. */
async function startServer(t: TestContext, environment: Record<string, string>) {
  const child = spawnScript(SERVER, [], environment)
  t.after(() => stop(child))
  let output = ''
  const url = await new Promise<string>((found, failed) => {
    const timer = setTimeout(() => failed(new Error(`not started: ${output}`)), START_TIMEOUT_MS)
    const take = (chunk: Buffer) => {
      output += chunk
      const address = /listening at (http:[^"]+)/.exec(output)?.[1]
      if (address) found(address)
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.once('exit', (code) => failed(new Error(`ended with ${code}: ${output}`)))
    t.after(() => clearTimeout(timer))
  })
  return { url, child, output: () => output }
}

/** Runs a script to its end. */
async function runScript(
  script: string,
  args: string[],
  environment: Record<string, string>,
  input = '',
) {
  const child = spawnScript(script, args, environment)
  const timer = setTimeout(() => child.kill('SIGKILL'), COMMAND_TIMEOUT_MS)
  child.stdin.end(input)
  const [stdout, stderr] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ])
  clearTimeout(timer)
  return { code: child.exitCode, stdout, stderr }
}

/** The environment is the given one and nothing of the test's own. */
function spawnScript(script: string, args: string[], environment: Record<string, string>) {
  return spawn(process.execPath, [script, ...args], { cwd: folder, env: environment })
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

function call(
  url: string,
  method: string,
  path: string,
  { cookie, body }: { cookie?: string; body?: unknown } = {},
): Promise<Response> {
  return fetch(url + path, {
    method,
    redirect: 'error',
    headers: {
      ...(cookie && { cookie }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
}

/** @returns the value of the `Cookie` header */
async function logIn(t: TestContext, url: string, body: { username: string; password: string }) {
  const response = await call(url, 'POST', '/login', { body })
  t.assert.strictEqual(response.status, 200)
  const [cookie = ''] = response.headers.getSetCookie()
  t.assert.match(cookie, /^__Host-session=[^;]+;.*\bHttpOnly\b.*\bSecure\b/)
  return cookie.replace(/;.*/, '')
}
