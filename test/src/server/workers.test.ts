import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  hashConcurrency,
  hashShare,
  threadsFor,
  workerCount,
} from '../../../src/config/capacity.ts'
import { loadConfig } from '../../../src/config/config.ts'
import { createDatabase } from '../../support/database.ts'
import { ended, exitCode, install, isRunning, startServer } from '../../support/installation.ts'

const PRODUCTION = {
  DATABASE_URL: await createDatabase(),
  SESSION_SECRET: 'a secret of the tests with 32 characters or more',
  RATE_LIMIT_ENABLED: 'false',
}
const ALICE = { username: 'alice', password: 'tea at the old mill' }

test('workers, by their number or one a core, share out the cores that are left for hashes', (t: TestContext) => {
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

test('workers serve one port, and a session of one is a session of all', async (t: TestContext) => {
  const site = await install(t)
  const { url, child, until } = await startServer(site, { ...PRODUCTION, WORKERS: '2' })
  await until(/All workers serve/)
  t.assert.strictEqual(workersOf(child.pid).length, 2)
  t.assert.strictEqual((await post(`${url}/user`, ALICE)).status, 200)
  const login = await post(`${url}/login`, ALICE)
  const cookie = login.headers.getSetCookie()[0]?.replace(/;.*/, '') ?? ''
  for (let request = 0; request < 6; request++) {
    // A connection of its own each: they go to the workers in turn.
    const answer = await fetch(`${url}/me`, { headers: { cookie, connection: 'close' } })
    t.assert.strictEqual(answer.status, 200)
  }
  child.kill('SIGTERM')
  t.assert.strictEqual(await exitCode(child), 0)
})

test('a worker that is killed is replaced, while the others serve', async (t: TestContext) => {
  const site = await install(t)
  const { url, child, until } = await startServer(site, { ...PRODUCTION, WORKERS: '2' })
  await until(/All workers serve/)
  const [victim = 0, other = 0] = workersOf(child.pid)
  process.kill(victim, 'SIGKILL')
  await until(/a worker has died/)
  const answer = await fetch(`${url}/livez`, { headers: { connection: 'close' } })
  t.assert.strictEqual(answer.status, 200)
  const now = await untilWorkers(child.pid, 2)
  t.assert.ok(now.includes(other) && !now.includes(victim))
})

test('a worker that dies before it listens, in place of one that died, ends nothing else', async (t: TestContext) => {
  const site = await install(t)
  const { child, until } = await startServer(site, { ...PRODUCTION, WORKERS: '2' })
  await until(/All workers serve/)
  const [victim = 0, other = 0] = workersOf(child.pid)
  process.kill(victim, 'SIGKILL')
  await ended(victim)
  const [next = 0] = (await untilWorkers(child.pid, 2)).filter((pid) => pid !== other)
  process.kill(next, 'SIGKILL') // long before it has started
  await until(/a worker has died.*\n(.*\n)*.*a worker has died/)
  const now = await untilWorkers(child.pid, 2)
  t.assert.ok(now.includes(other))
  child.kill('SIGTERM')
  t.assert.strictEqual(await exitCode(child), 0)
})

test('workers, told to stop under load, answer all that they have begun, and end', async (t: TestContext) => {
  const site = await install(t)
  const { url, child, until } = await startServer(site, { ...PRODUCTION, WORKERS: '2' })
  await until(/All workers serve/)
  const pids = workersOf(child.pid)
  // At a fifth of a second each, two at a time: all have begun, and most are still to be answered.
  const body = { username: 'nobody', password: 'not the password' }
  const pending = Array.from({ length: 10 }, (_, index) =>
    post(`${url}/login`, { ...body, username: `nobody-${index}` }),
  )
  await sleep(500)
  const stopped = Date.now()
  process.kill(-(child.pid ?? 0), 'SIGTERM') // as a service manager does: to all of them
  const statuses = (await Promise.all(pending)).map(({ status }) => status)
  t.assert.deepStrictEqual(new Set(statuses), new Set([400]))
  t.assert.strictEqual(await exitCode(child), 0)
  t.assert.ok(Date.now() - stopped < 10_000)
  for (const pid of pids) t.assert.ok(!isRunning(pid))
})

test('workers, whose primary is killed, end too', async (t: TestContext) => {
  const site = await install(t)
  const { child, until } = await startServer(site, { ...PRODUCTION, WORKERS: '2' })
  await until(/All workers serve/)
  const pids = workersOf(child.pid)
  child.kill('SIGKILL')
  for (const pid of pids) await ended(pid)
})

test('workers, whose database can not be reached, end the server with their reason', async (t: TestContext) => {
  const site = await install(t)
  const { code, stderr } = await site.run('src/server.ts', [], {
    ...PRODUCTION,
    DATABASE_URL: 'mysql://me@127.0.0.1:1/gatehouse',
    PORT: '0',
    WORKERS: '2',
  })
  t.assert.strictEqual(code, 1)
  t.assert.match(stderr, /ECONNREFUSED/)
  t.assert.match(stderr, /A worker ended before it served/)
})

test('workers, whose port is in use, are not started, and one line says so', async (t: TestContext) => {
  const taken = createServer()
  taken.listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.after(() => taken.close())
  const { port } = taken.address() as AddressInfo // what a server on a port has
  const site = await install(t)
  const { code, stderr } = await site.run('src/server.ts', [], {
    ...PRODUCTION,
    PORT: String(port),
    WORKERS: '2',
  })
  t.assert.strictEqual(code, 1)
  t.assert.match(stderr, new RegExp(`^PORT ${port} is in use: [^\\n]+\\n$`))
})

/** The process ids of the children that `/proc` knows. */
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

function post(url: string, body: unknown): Promise<Response> {
  const headers = { 'content-type': 'application/json', connection: 'close' }
  return fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
}
