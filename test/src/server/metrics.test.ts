import { type TestContext, test } from 'node:test'
import { createDatabase } from '../../support/database/database.ts'
import { type Samples, scrape } from '../../support/metrics/samples.ts'
import { freePort } from '../../support/process/free-port.ts'
import { exitCode, install, listenTo, startServer } from '../../support/process/installation.ts'
import { listeningSockets } from '../../support/process/listening-sockets.ts'
import { until } from '../../support/until.ts'

const PRODUCTION = {
  DATABASE_URL: await createDatabase(),
  SESSION_SECRET: 'a secret of the tests with 32 characters or more',
  RATE_LIMIT_ENABLED: 'false',
}
const COUNT = 'http_server_request_duration_seconds_count'
const LIVENESS = { http_route: '/livez', http_response_status_code: '200' }

test('the port of the metrics, on the loopback, answers GET /metrics and nothing else', async (t: TestContext) => {
  const site = await install(t)
  const server = await startServer(site, { ...PRODUCTION, METRICS_PORT: '0' })
  const metrics = await server.until(/Metrics at (http:\/\/127\.0\.0\.1:\d+\/metrics)/)
  await fetch(`${server.url}/livez`)
  const samples = await untilCounted(metrics, 1)
  t.assert.strictEqual(samples.sum('gatehouse_processes'), 1)
  t.assert.strictEqual(samples.sum('gatehouse_processes_serving'), 1)
  const type = (await fetch(metrics)).headers.get('content-type')
  t.assert.strictEqual(type, 'text/plain; version=0.0.4; charset=utf-8')
  for (const [method, path] of [
    ['GET', '/'],
    ['GET', '/livez'],
    ['GET', '/metrics/'],
    ['POST', '/metrics'],
    ['HEAD', '/metrics'],
  ] as const) {
    const { status } = await fetch(new URL(path, metrics), { method })
    t.assert.strictEqual(status, 404, `${method} ${path}`)
  }
  t.assert.strictEqual((await fetch(`${server.url}/metrics`)).status, 404)
  server.child.kill('SIGTERM')
  t.assert.strictEqual(await exitCode(server.child), 0)
})

test('without METRICS_PORT, the server listens on its own port alone', async (t: TestContext) => {
  const site = await install(t)
  const { child, said } = await startServer(site, PRODUCTION)
  t.assert.strictEqual((await listeningSockets(child.pid ?? 0))?.length ?? 1, 1)
  t.assert.ok(!said().includes('Metrics at'))
})

test('a METRICS_PORT that is in use stops the start, with its name', async (t: TestContext) => {
  const site = await install(t)
  const first = await startServer(site, { ...PRODUCTION, METRICS_PORT: '0' })
  const metrics = await first.until(/Metrics at (http:[^"]+)/)
  const METRICS_PORT = new URL(metrics).port
  const second = site.start('src/server.ts', [], { ...PRODUCTION, PORT: '0', METRICS_PORT })
  const { said } = listenTo(second)
  t.assert.strictEqual(await exitCode(second), 1)
  t.assert.match(said(), new RegExp(`^METRICS_PORT ${METRICS_PORT} is in use`, 'm'))
})

test('the metrics of two workers are one sum, which does not fall when a worker is killed', async (t: TestContext) => {
  const site = await install(t)
  const settings = { ...PRODUCTION, WORKERS: '2', METRICS_PORT: String(await freePort()) }
  const server = await startServer(site, settings)
  const metrics = await server.until(/Metrics at (http:[^"]+)/)
  const live = () => fetch(`${server.url}/livez`, { headers: { connection: 'close' } })
  for (let request = 0; request < 20; request++) t.assert.strictEqual((await live()).status, 200)
  const before = await untilCounted(metrics, 20)
  t.assert.strictEqual(before.sum('gatehouse_processes'), 2)
  t.assert.strictEqual(before.sum('gatehouse_processes_serving'), 2)
  t.assert.strictEqual(before.sum('db_client_connection_max'), 2 * (10 + 3 + 2))
  t.assert.strictEqual(before.sum('gatehouse_build_info'), 1)

  const [, pid] = /"pid":(\d+)[^\n]*listening at/.exec(server.said()) ?? []
  process.kill(Number(pid), 'SIGKILL')
  let serving = 2
  const counts: number[] = []
  await until(
    async () => {
      const samples = await scrape(metrics)
      counts.push(samples.sum(COUNT, LIVENESS))
      const last = serving
      serving = samples.sum('gatehouse_processes_serving')
      return last < 2 && serving === 2
    },
    () => `${serving} workers serve`,
  )
  t.assert.deepStrictEqual(new Set(counts), new Set([20]))
  await live()
  await untilCounted(metrics, 21)
  server.child.kill('SIGTERM')
  t.assert.strictEqual(await exitCode(server.child), 0)
})

test('the metrics of a worker that hangs are missing, and the others are returned', async (t: TestContext) => {
  const site = await install(t)
  const settings = { ...PRODUCTION, WORKERS: '2', METRICS_PORT: String(await freePort()) }
  const server = await startServer(site, settings)
  const metrics = await server.until(/Metrics at (http:[^"]+)/)
  await fetch(`${server.url}/livez`, { headers: { connection: 'close' } })
  await untilCounted(metrics, 1)
  const [, pid] = /"pid":(\d+)[^\n]*listening at/.exec(server.said()) ?? []
  process.kill(Number(pid), 'SIGSTOP')
  const samples = await scrape(metrics)
  t.assert.strictEqual(samples.sum('gatehouse_processes_serving'), 1)
  t.assert.strictEqual(samples.sum(COUNT, LIVENESS), 1)
  process.kill(Number(pid), 'SIGCONT')
})

/** Waits for the count of responses of `/livez`: a client has its response before it is counted. */
async function untilCounted(metrics: string, expected: number): Promise<Samples> {
  let samples = await scrape(metrics)
  await until(
    async () => {
      samples = await scrape(metrics)
      return samples.sum(COUNT, LIVENESS) === expected
    },
    () => `${samples.sum(COUNT, LIVENESS)} responses are counted, not ${expected}`,
  )
  return samples
}
