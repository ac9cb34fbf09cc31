import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  hashConcurrency,
  hashesPerProcess,
  hashShare,
  threadsFor,
  workerCount,
} from '../../../src/config/capacity.ts'
import { loadConfig } from '../../../src/config/config.ts'
import { createDatabase } from '../../support/database/database.ts'
import {
  ended,
  exitCode,
  install,
  isRunning,
  startServer,
} from '../../support/process/installation.ts'
import { listenOnLoopback } from '../../support/process/listen-on-loopback.ts'

const PRODUCTION = {
  DATABASE_URL: await createDatabase(),
  SESSION_SECRET: 'a secret of the tests with 32 characters or more',
  RATE_LIMIT_ENABLED: 'false',
}
const ALICE = { username: 'alice', password: 'tea at the old mill' }

test('workers, in a set number or one for each core, divide the remaining cores among their hash queues', (t: TestContext) => {
  const config = (overrides: Record<string, string>) => loadConfig(overrides)
  t.assert.strictEqual(workerCount(config({})), 1)
  t.assert.strictEqual(workerCount(config({ WORKERS: '3' }), 8), 3)
  t.assert.strictEqual(workerCount(config({ WORKERS: 'auto' }), 8), 8)
  for (const [cores, count, expected] of [
    [1, 1, 1],
    [2, 1, 1],
    [8, 1, 7],
    [8, 2, 3],
    [8, 8, 1],
  ] as const) {
    t.assert.strictEqual(hashShare(config({}), count, cores), expected)
  }
  t.assert.strictEqual(hashShare(config({ HASH_CONCURRENCY: '5' }), 2, 8), 5)
  t.assert.strictEqual(threadsFor(7), 8)
  t.assert.strictEqual(threadsFor(1), 4)
  t.assert.strictEqual(hashConcurrency(config({ HASH_CONCURRENCY: '5' })), 3, 'a thread is left')
})

test('the hashes of a process, by cores and threads, are limited by the thread pool of a single process', (t: TestContext) => {
  const one = loadConfig({ WORKERS: '1' })
  t.assert.deepStrictEqual(
    [1, 2, 4, 5, 8, 64].map((cores) => hashesPerProcess(one, cores, 4)),
    [1, 1, 3, 3, 3, 3],
  )
  t.assert.deepStrictEqual(
    [1, 2, 8, 16].map((threads) => hashesPerProcess(one, 16, threads)),
    [1, 1, 7, 15],
  )
  const set = { HASH_CONCURRENCY: '6' }
  t.assert.strictEqual(hashesPerProcess(loadConfig({ ...set, WORKERS: '1' }), 8, 4), 3)
  t.assert.strictEqual(hashesPerProcess(loadConfig({ ...set, WORKERS: '2' }), 8, 4), 6)
  t.assert.strictEqual(hashesPerProcess(loadConfig({ WORKERS: '2' }), 16, 4), 7)
  t.assert.strictEqual(hashesPerProcess(loadConfig({ WORKERS: 'auto' }), 8, 4), 1)
})

test('workers share one port and all sessions', async (t: TestContext) => {
  const site = await install(t)
  const { url, child, until } = await startServer(site, { ...PRODUCTION, WORKERS: '2' })
  await until(/All workers serve/)
  t.assert.strictEqual(workersOf(child.pid).length, 2)
  t.assert.strictEqual((await post(`${url}/user`, ALICE)).status, 200)
  const login = await post(`${url}/login`, ALICE)
  const cookie = login.headers.getSetCookie()[0]?.replace(/;.*/, '') ?? ''
  for (let request = 0; request < 6; request++) {
    // Connections go to the workers in turn, so each request has its own.
    const answer = await fetch(`${url}/me`, { headers: { cookie, connection: 'close' } })
    t.assert.strictEqual(answer.status, 200)
  }
  child.kill('SIGTERM')
  t.assert.strictEqual(await exitCode(child), 0)
})

test('a worker that is killed is restarted, while the others serve', async (t: TestContext) => {
  const site = await install(t)
  const { url, child, until } = await startServer(site, { ...PRODUCTION, WORKERS: '2' })
  await until(/All workers serve/)
  const [victim = 0, other = 0] = workersOf(child.pid)
  process.kill(victim, 'SIGKILL')
  await until(/A worker has exited/)
  const answer = await fetch(`${url}/livez`, { headers: { connection: 'close' } })
  t.assert.strictEqual(answer.status, 200)
  const now = await untilWorkers(child.pid, 2)
  t.assert.ok(now.includes(other) && !now.includes(victim))
})

test('a restarted worker that exits before it listens is restarted again, and ends nothing else', async (t: TestContext) => {
  const site = await install(t)
  const { child, until } = await startServer(site, { ...PRODUCTION, WORKERS: '2' })
  await until(/All workers serve/)
  const [victim = 0, other = 0] = workersOf(child.pid)
  process.kill(victim, 'SIGKILL')
  await ended(victim)
  const [next = 0] = (await untilWorkers(child.pid, 2)).filter((pid) => pid !== other)
  process.kill(next, 'SIGKILL') // long before it has started
  await until(/A worker has exited.*\n(.*\n)*.*A worker has exited/)
  const now = await untilWorkers(child.pid, 2)
  t.assert.ok(now.includes(other))
  child.kill('SIGTERM')
  t.assert.strictEqual(await exitCode(child), 0)
})

test('workers, stopped under load, answer all pending requests and exit', async (t: TestContext) => {
  const site = await install(t)
  const { url, child, until } = await startServer(site, {
    ...PRODUCTION,
    WORKERS: '2',
  })
  await until(/All workers serve/)
  const pids = workersOf(child.pid)
  // Few, so that a busy machine hashes all within the two seconds after which the queue refuses.
  const logins = Array.from({ length: 6 }, (_, index) =>
    startLogin(url, { username: `nobody-${index}`, password: 'not the password' }),
  )
  const pending = await Promise.all(logins)
  process.kill(-(child.pid ?? 0), 'SIGTERM') // to all of them, as a service manager does
  const statuses = await Promise.all(pending.map((login) => login.finish()))
  t.assert.deepStrictEqual(new Set(statuses), new Set([400]))
  t.assert.strictEqual(await exitCode(child), 0)
  for (const pid of pids) t.assert.ok(!isRunning(pid))
})

test('workers, whose primary is killed, exit too', async (t: TestContext) => {
  const site = await install(t)
  const { child, until } = await startServer(site, { ...PRODUCTION, WORKERS: '2' })
  await until(/All workers serve/)
  const pids = workersOf(child.pid)
  child.kill('SIGKILL')
  for (const pid of pids) await ended(pid)
})

test('workers, whose database cannot be reached, end the server with their reason', async (t: TestContext) => {
  const site = await install(t)
  const { code, stderr } = await site.run('src/server.ts', [], {
    ...PRODUCTION,
    DATABASE_URL: 'mysql://me@127.0.0.1:1/gatehouse',
    PORT: '0',
    WORKERS: '2',
  })
  t.assert.strictEqual(code, 1)
  t.assert.match(stderr, /ECONNREFUSED/)
  t.assert.match(stderr, /A worker exited before it listened/)
})

test('workers, whose port is in use, are not started, and one line says so', async (t: TestContext) => {
  const taken = createServer()
  t.after(() => taken.close())
  const port = await listenOnLoopback(taken)
  const site = await install(t)
  const { code, stderr } = await site.run('src/server.ts', [], {
    ...PRODUCTION,
    PORT: String(port),
    WORKERS: '2',
  })
  t.assert.strictEqual(code, 1)
  t.assert.match(stderr, new RegExp(`^PORT ${port} is in use: [^\\n]+\\n$`))
})

/** The process ids of the children, by `/proc`. */
function workersOf(primary = 0): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.map(Number).filter((pid) => parentOf(pid) === primary)
}

function parentOf(pid: number): number | undefined {
  try {
    const [, fields = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')
    return Number(fields.split(' ')[1])
  } catch {
    return undefined // it has ended
  }
}

async function untilWorkers(primary: number | undefined, count: number): Promise<number[]> {
  for (let tries = 0; tries < 500; tries++) {
    const pids = workersOf(primary)
    if (pids.length === count) return pids
    await sleep(20)
  }
  throw new Error(`there are not ${count} workers`)
}

/**
 * Sends the headers of a login. A worker's `100 Continue` proves that it processes the request.
 *
 * @returns `finish`, which sends the body and returns the status of the answer
 */
async function startLogin(url: string, body: unknown) {
  const text = JSON.stringify(body)
  const login = request(`${url}/login`, {
    method: 'POST',
    agent: false,
    headers: {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      expect: '100-continue',
    },
  })
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    login.once('response', resolve).once('error', reject)
  })
  login.flushHeaders()
  await once(login, 'continue')
  return {
    async finish() {
      login.end(text)
      const response = await answer
      response.resume()
      return response.statusCode
    },
  }
}

function post(url: string, body: unknown): Promise<Response> {
  const headers = { 'content-type': 'application/json', connection: 'close' }
  return fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
}
