import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createDatabase } from '../../support/database/database.ts'
import { freePort } from '../../support/process/free-port.ts'
import {
  exitCode,
  install,
  listenTo,
  makeDatabaseFiles,
  needsServerBinary,
  nodeArguments,
  startServer,
} from '../../support/process/installation.ts'
import { listenOnLoopback } from '../../support/process/listen-on-loopback.ts'
import { needsTerminals, startOnTerminal } from '../../support/process/terminal.ts'
import { until } from '../../support/until.ts'

const databaseFiles = await makeDatabaseFiles()
const PRODUCTION = {
  DATABASE_URL: await createDatabase(),
  SESSION_SECRET: 'a secret of the tests with 32 characters or more',
}
const SERVER = 'src/server.ts'
const SHUTDOWN = { level: 30, msg: 'Shutdown complete', exitCode: 0 }
const ISO_UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

test('the log, on a pipe, names the signal, and its last line says what was closed', async (t: TestContext) => {
  const site = await install(t)
  const { child, said, until } = await startServer(site, { ...PRODUCTION, METRICS_PORT: '0' })
  await until(/is ready/)
  child.kill('SIGTERM')
  t.assert.strictEqual(await exitCode(child), 0)
  const lines = linesOf(said())
  t.assert.deepStrictEqual(
    lines.filter(({ msg }) => msg === 'Shutting down').map(({ signal }) => signal),
    ['SIGTERM'],
  )
  assertLast(t, lines, { ...SHUTDOWN, closed: ['metrics', 'server'] })
})

test('the log, in a file, ends with the line of the shutdown', async (t: TestContext) => {
  const site = await install(t)
  const program = [process.execPath, ...nodeArguments(SERVER, [])].join(' ')
  const environment = { ...PRODUCTION, PORT: '0' }
  const child = site.startProgram('sh', ['-c', `exec ${program} > server.log`], environment)
  const read = () => readFile(join(site.folder, 'server.log'), 'utf8').catch(() => '')
  await until(
    async () => (await read()).includes('is ready'),
    () => 'the server is not ready',
  )
  child.kill('SIGINT')
  t.assert.strictEqual(await exitCode(child), 0)
  assertLast(t, linesOf(await read()), { ...SHUTDOWN, closed: ['server'] })
})

test(
  'the log, on a terminal, ends with the line of the shutdown, for people',
  needsTerminals,
  async (t: TestContext) => {
    const site = await install(t)
    const environment = { ...PRODUCTION, PORT: '0', NO_COLOR: '1' }
    const { child, said } = await onTerminal(site, environment, /is ready/)
    child.stdin.write('\x03') // Ctrl-C
    t.assert.strictEqual(await exitCode(child), 0)
    t.assert.match(said(), /INFO: Shutting down \{"signal":"SIGINT"\}/)
    t.assert.match(said(), /INFO: Shutdown complete \{"exitCode":0,"closed":\["server"\].*\}\s*$/)
  },
)

test(
  'the log of a private database says that it was closed last',
  needsServerBinary,
  async (t: TestContext) => {
    const site = await install(t, databaseFiles)
    const { child, said } = await startServer(site)
    child.kill('SIGTERM')
    t.assert.strictEqual(await exitCode(child), 0)
    assertLast(t, linesOf(said()), { ...SHUTDOWN, closed: ['server', 'private database'] })
  },
)

test('the log of several workers has one line of the signal and one of the shutdown, by the primary', async (t: TestContext) => {
  const site = await install(t)
  const settings = { ...PRODUCTION, WORKERS: '2', PORT: String(await freePort()) }
  const { child, said, until } = await startServer(site, settings)
  await until(/is ready/)
  child.kill('SIGTERM')
  t.assert.strictEqual(await exitCode(child), 0)
  const lines = linesOf(said())
  const ofShutdown = lines.filter(({ msg }) => /^Shut/.test(String(msg)))
  t.assert.deepStrictEqual(
    ofShutdown.map(({ pid, msg }) => [pid, msg]),
    [
      [child.pid, 'Shutting down'],
      [child.pid, 'Shutdown complete'],
    ],
  )
  assertLast(t, lines, { ...SHUTDOWN, closed: ['workers'] })
})

test('the log of one process names a signal during the start, and its last line says how it ended', async (t: TestContext) => {
  const site = await install(t)
  // The server connects to it and waits for its greeting.
  const silent = createServer()
  t.after(() => silent.close())
  const port = await listenOnLoopback(silent)
  const child = site.start(SERVER, [], {
    ...{ ...PRODUCTION, DATABASE_URL: `mysql://root@127.0.0.1:${port}/none`, PORT: '0' },
    ...{ LOG_FORMAT: 'json', DATABASE_TIMEOUT_MS: '1000' },
  })
  const { said } = listenTo(child)
  const [socket] = await once(silent, 'connection')
  child.kill('SIGTERM')
  await until(
    () => said().includes('Shutting down'),
    () => said(),
  )
  socket.destroy()
  t.assert.strictEqual(await exitCode(child), 0)
  const lines = linesOf(said())
  t.assert.deepStrictEqual(
    lines.map(({ msg, signal }) => [msg, signal]),
    [
      ['Shutting down', 'SIGTERM'],
      ['Shutdown complete', undefined],
    ],
  )
  assertLast(t, lines, { ...SHUTDOWN, closed: [] })
})

test('the log of several workers names a signal that comes before all of them serve', async (t: TestContext) => {
  const site = await install(t)
  const settings = { ...PRODUCTION, WORKERS: '6', PORT: String(await freePort()) }
  const { child, said } = await startServer(site, { ...settings, LOG_FORMAT: 'json' })
  child.kill('SIGTERM')
  t.assert.strictEqual(await exitCode(child), 0)
  const lines = linesOf(said())
  const announced = lines.filter(({ msg }) => msg === 'Shutting down')
  t.assert.deepStrictEqual(
    announced.map(({ pid, signal }) => [pid, signal]),
    [[child.pid, 'SIGTERM']],
  )
  t.assert.ok(!said().includes('All workers serve'))
  assertLast(t, lines, { ...SHUTDOWN, closed: ['workers'] })
})

test('every line of primary and workers, with LOG_FORMAT=json-names, has a level name and a time in UTC', async (t: TestContext) => {
  const site = await install(t)
  const settings = { WORKERS: '2', PORT: String(await freePort()), TZ: 'Asia/Tokyo' }
  const { child, said, until, url } = await startServer(site, {
    ...{ ...PRODUCTION, ...settings, LOG_FORMAT: 'json-names', BCRYPT_COST: '10' },
  })
  await until(/is ready/)
  await fetch(`${url}/me`)
  child.kill('SIGTERM')
  t.assert.strictEqual(await exitCode(child), 0)
  const lines = linesOf(said())
  t.assert.ok(new Set(lines.map(({ pid }) => pid)).size === 3)
  for (const { level, time } of lines) {
    t.assert.ok(level === 'info' || level === 'warn', String(level))
    t.assert.match(String(time), ISO_UTC)
    t.assert.ok(Math.abs(Date.now() - Date.parse(String(time))) < 3_600_000)
  }
  t.assert.ok(lines.some(({ level }) => level === 'warn')) // of the low BCRYPT_COST
  t.assert.ok(lines.some(({ msg, status }) => msg === 'request' && status === 401))
})

test('LOG_FORMAT=pretty writes lines for people to a pipe', async (t: TestContext) => {
  const site = await install(t)
  const settings = { ...PRODUCTION, PORT: '0', LOG_FORMAT: 'pretty' }
  const child = site.start(SERVER, [], settings)
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk
  })
  await until(
    () => /^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: Gatehouse .* is ready$/m.test(text),
    () => text,
  )
  child.kill('SIGTERM')
  t.assert.strictEqual(await exitCode(child), 0)
  t.assert.match(text, /INFO: Shutdown complete .*\n$/)
  t.assert.doesNotMatch(text, /"level"/)
})

test('LOG_FORMAT=json writes JSON lines to a terminal', needsTerminals, async (t: TestContext) => {
  const site = await install(t)
  const environment = { ...PRODUCTION, PORT: '0', LOG_FORMAT: 'json' }
  const { child, said } = await onTerminal(site, environment, /is ready/)
  child.stdin.write('\x03')
  t.assert.strictEqual(await exitCode(child), 0)
  const [line] = /^\{.*is ready.*\}/m.exec(said()) ?? []
  const { level, time } = JSON.parse(line ?? '')
  t.assert.deepStrictEqual([level, typeof time], [30, 'number'])
})

type Site = Awaited<ReturnType<typeof install>>

async function onTerminal(site: Site, environment: Record<string, string>, pattern: RegExp) {
  const child = startOnTerminal(site, SERVER, [], environment)
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk
  })
  await until(
    () => pattern.test(text),
    () => text,
  )
  return { child, said: () => text }
}

function linesOf(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>) // each is an object
}

function assertLast(
  t: TestContext,
  lines: Record<string, unknown>[],
  expected: Record<string, unknown>,
): void {
  const { time: _, pid, hostname, durationMs, ...line } = lines.at(-1) ?? {}
  t.assert.deepStrictEqual(line, expected)
  t.assert.ok(Number.isInteger(durationMs) && Number(durationMs) >= 0)
}
