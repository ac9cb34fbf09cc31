import { type TestContext, test } from 'node:test'
import { createDatabase } from '../../support/database/database.ts'
import { createDatabaseLink } from '../../support/database/database-link.ts'
import { freePort } from '../../support/process/free-port.ts'
import { exitCode, install, isRunning, startServer } from '../../support/process/installation.ts'
import { until } from '../../support/until.ts'

const PRODUCTION = {
  DATABASE_URL: await createDatabase(),
  SESSION_SECRET: 'a secret of the tests with 32 characters or more',
  RATE_LIMIT_ENABLED: 'false',
}
/** Far longer than a busy machine takes. */
const HANG_MS = 20_000

test('workers, killed one after the other, keep the port open and are restarted without a growing delay', async (t: TestContext) => {
  const site = await install(t)
  const server = await startServer(site, { ...PRODUCTION, WORKERS: '2' })
  const { url, child, said } = server
  await server.until(/All workers serve/)
  for (let kills = 0; kills < 8; kills++) {
    const victim = await untilListening(said, 2)
    process.kill(victim, 'SIGKILL')
    await until(
      () => said().match(/A worker has exited/g)?.length === kills + 1,
      () => 'the exit is not noticed',
    )
    t.assert.strictEqual(await answerOf(`${url}/livez`), 200)
  }
  await untilListening(said, 2)
  const delays = [...said().matchAll(/"backOffMs":(\d+)/g)].map(([, delay]) => Number(delay))
  t.assert.strictEqual(delays.length, 8)
  // 0, if the worker that remains has logged its address before the primary knows that it listens.
  t.assert.ok(
    delays.every((delay) => delay === 100 || delay === 0),
    String(delays),
  )
  child.kill('SIGTERM')
  t.assert.strictEqual(await exitCode(child), 0)
})

test('workers, all killed at the same time, are replaced, the last one without a delay', async (t: TestContext) => {
  const site = await install(t)
  const port = await freePort()
  const server = await startServer(site, {
    ...PRODUCTION,
    PORT: String(port),
    WORKERS: '2',
  })
  const { child, said } = server
  await server.until(/All workers serve/)
  for (const pid of listeningPids(said)) process.kill(pid, 'SIGKILL')
  await server.until(/"backOffMs":0/)
  await untilListening(said, 2)
  t.assert.strictEqual(await answerOf(`http://127.0.0.1:${port}/livez`), 200)
  child.kill('SIGTERM')
  t.assert.strictEqual(await exitCode(child), 0)
})

test('workers, all killed while the database is away, end the server after five starts that fail', async (t: TestContext) => {
  const link = await createDatabaseLink(PRODUCTION.DATABASE_URL)
  t.after(() => link.cut())
  const site = await install(t)
  const server = await startServer(site, {
    ...PRODUCTION,
    DATABASE_URL: link.url,
    WORKERS: '2',
  })
  const { child, said } = server
  await server.until(/All workers serve/)
  await link.cut()
  for (const pid of listeningPids(said)) process.kill(pid, 'SIGKILL')
  t.assert.strictEqual(await exitCode(child), 1)
  t.assert.match(said(), /"level":60.*"failedStarts":5.*No worker can start/)
})

/** @returns the status, or the code of the error of a new connection */
async function answerOf(url: string): Promise<number | string> {
  try {
    const signal = AbortSignal.timeout(HANG_MS)
    return (await fetch(url, { headers: { connection: 'close' }, signal })).status
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined
    return cause instanceof Error && 'code' in cause ? String(cause.code) : String(error)
  }
}

/** @returns the oldest of the workers that listen, once there are `count` */
async function untilListening(said: () => string, count: number): Promise<number> {
  await until(
    () => listeningPids(said).length >= count,
    () => `not ${count} workers listen:\n${said()}`,
  )
  return listeningPids(said)[0] ?? 0
}

/** By the log. */
function listeningPids(said: () => string): number[] {
  return [...said().matchAll(/"pid":(\d+),[^\n]*Server listening/g)]
    .map(([, pid]) => Number(pid))
    .filter(isRunning)
}
