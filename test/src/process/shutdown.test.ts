import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../support/process/free-port.ts'
import {
  ended,
  exitCode,
  type Installation,
  install,
  isRunning,
  listenTo,
  makeDatabaseFiles,
  needsServerBinary,
  nodeArguments,
  startServer,
} from '../../support/process/installation.ts'

const databaseFiles = await makeDatabaseFiles()
const SERVER = 'src/server.ts'
const POLL_MS = 20

for (const [first, second] of [
  ['SIGTERM', 'SIGTERM'],
  ['SIGHUP', 'SIGINT'],
] as const) {
  test(
    `the server, sent ${first} and ${second} in quick succession, stops the private database and exits with 0`,
    needsServerBinary,
    async (t: TestContext) => {
      const site = await install(t, databaseFiles)
      const { child, said } = await startServer(site)
      const pid = site.databasePid()
      await signalTwice(child.pid, first, second)
      t.assert.strictEqual(await exitCode(child), 0)
      t.assert.ok(!isRunning(pid))
      t.assert.strictEqual(said().match(/Shutting down/g)?.length, 1)
    },
  )
}

test(
  'npm, on Ctrl-C, sends the server a second signal, and the private database stops',
  needsServerBinary,
  async (t: TestContext) => {
    const site = await install(t, databaseFiles)
    const start = `exec '${process.execPath}' ${nodeArguments(SERVER, []).join(' ')}`
    await writeFile(join(site.folder, 'package.json'), JSON.stringify({ scripts: { start } }))
    const npm = site.startProgram('npm', ['start'], { PORT: '0' })
    await listenTo(npm).until(/role admin/)
    const pid = site.databasePid()
    process.kill(-(npm.pid ?? 0), 'SIGINT')
    await ended(pid)
    await exitCode(npm)
  },
)

test(
  'the server, sent two signals while it creates the database, leaves no database running',
  needsServerBinary,
  async (t: TestContext) => {
    const site = await install(t)
    const child = site.start(SERVER, [], { PORT: '0' })
    const { said } = listenTo(child)
    await until(() => existsSync(join(site.data, 'server.log'))) // the database server starts
    await signalTwice(child.pid, 'SIGINT', 'SIGINT')
    t.assert.strictEqual(await exitCode(child), 0)
    t.assert.throws(site.databasePid, { message: 'no database server runs' })
    // The database is closed, or its start has failed.
    t.assert.match(said(), /^.*"Shutting down"\}\n.*"Shutdown complete"\}\n$/)
  },
)

test(
  'a command, sent two signals while it waits for input, stops the private database and exits with 1',
  needsServerBinary,
  async (t: TestContext) => {
    const site = await install(t, databaseFiles)
    const child = site.start('src/cli.ts', ['user', 'create', 'ada'])
    const { said } = listenTo(child)
    const pid = await databaseStarted(site)
    await signalTwice(child.pid, 'SIGINT', 'SIGINT')
    t.assert.strictEqual(await exitCode(child), 1)
    t.assert.ok(!isRunning(pid))
    t.assert.strictEqual(said(), '')
  },
)

test(
  'the server, whose port is taken while it starts the database, stops it and exits with 1',
  needsServerBinary,
  async (t: TestContext) => {
    const site = await install(t)
    const port = await freePort()
    const child = site.start(SERVER, [], { PORT: String(port) })
    const { said } = listenTo(child)
    await until(() => existsSync(site.data)) // after the server has checked its port
    const other = createServer().listen(port, '127.0.0.1')
    t.after(() => other.close())
    await once(other, 'listening')
    t.assert.strictEqual(await exitCode(child), 1)
    t.assert.match(said(), new RegExp(`^PORT ${port} is in use`, 'm'))
    t.assert.throws(site.databasePid, { message: 'no database server runs' })
  },
)

test(
  'the server, on an uncaught exception, stops the private database and exits with 1',
  needsServerBinary,
  async (t: TestContext) => {
    const site = await install(t, databaseFiles)
    const { child, url } = await startServer(site)
    const pid = site.databasePid()
    child.stdout.destroy() // the next log line fails with EPIPE
    await fetch(`${url}/unknown`)
    t.assert.strictEqual(await exitCode(child), 1)
    t.assert.ok(!isRunning(pid))
  },
)

test(
  'the server, started where a killed one left its database, uses that database and stops it on Ctrl-C',
  needsServerBinary,
  async (t: TestContext) => {
    const site = await install(t, databaseFiles)
    const killed = await startServer(site)
    const pid = site.databasePid()
    killed.child.kill('SIGKILL')
    t.assert.strictEqual(await exitCode(killed.child), 'SIGKILL')
    t.assert.ok(isRunning(pid))

    const { child } = await startServer(site)
    t.assert.strictEqual(site.databasePid(), pid)
    await signalTwice(child.pid, 'SIGINT', 'SIGINT')
    t.assert.strictEqual(await exitCode(child), 0)
    t.assert.ok(!isRunning(pid))
  },
)

test('a process that does not finish closing, sent signals for more than a second, exits at once', async (t: TestContext) => {
  const site = await install(t)
  const child = site.start('test/support/process/stuck-shutdown.ts')
  const { said, until } = listenTo(child)
  await until(/open/)
  let signals = 0
  const exited = exitCode(child)
  for (; child.exitCode === null; signals++) {
    child.kill('SIGINT')
    await Promise.race([exited, sleep(100)])
  }
  t.assert.strictEqual(await exited, 1)
  t.assert.ok(signals > 2, `${signals} signals`)
  t.assert.strictEqual(said(), 'open\n1 something stuck\n') // not the report of the timeout
})

/** To the process group, as a terminal does; 20 ms apart, as npm forwards a signal. */
async function signalTwice(
  group: number | undefined,
  first: NodeJS.Signals,
  second: NodeJS.Signals,
): Promise<void> {
  if (group === undefined) throw new Error('the process has not started')
  process.kill(-group, first)
  await sleep(20)
  process.kill(-group, second)
}

async function databaseStarted(site: Installation): Promise<number> {
  const file = join(site.data, 'server.pid')
  await until(() => existsSync(file) && readFileSync(file, 'utf8') !== '') // it is created empty
  return site.databasePid()
}

/** @throws Error after 30 s */
async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 30_000
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('the condition is not met')
    await sleep(POLL_MS)
  }
}
