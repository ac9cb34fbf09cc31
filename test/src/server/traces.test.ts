import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { VERSION } from '../../../src/config/version.ts'
import { createDatabase } from '../../support/database/database.ts'
import { freePort } from '../../support/process/free-port.ts'
import { exitCode, install, startServer } from '../../support/process/installation.ts'
import { collectTraces, KIND } from '../../support/tracing/collector.ts'

const PRODUCTION = {
  DATABASE_URL: await createDatabase(),
  SESSION_SECRET: 'a secret of the tests with 32 characters or more',
}
const KEY = 'the-key-of-the-collector'
const SCOPE = 'the-scope-of-the-traces'
const REQUESTS = 20

test('the server, with the settings of traces in .env, sends the spans of each worker before it exits', async (t: TestContext) => {
  const collector = await collectTraces(t)
  const site = await install(t)
  await writeFile(
    join(site.folder, '.env'),
    [
      `OTEL_EXPORTER_OTLP_ENDPOINT=${collector.url}/`,
      'OTEL_EXPORTER_OTLP_PROTOCOL=http/json',
      `OTEL_EXPORTER_OTLP_HEADERS=x-api-key=${KEY}`,
      `OTEL_EXPORTER_OTLP_TRACES_HEADERS=x-scope=${SCOPE}`,
      'OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=staging,team=a%20b,service.name=hidden',
      'OTEL_SERVICE_NAME=accounts',
    ].join('\n'),
  )
  const settings = {
    ...PRODUCTION,
    ...{ WORKERS: '2', PORT: String(await freePort()) },
    OTEL_FASTIFY_IGNORE_PATHS: '/livez', // of @fastify/otel, without effect here
  }
  const { url, child, said, until } = await startServer(site, settings)
  await until(/is ready/)
  for (let request = 0; request < REQUESTS; request++) {
    await fetch(`${url}/livez`, { headers: { connection: 'close' } })
  }
  child.kill('SIGTERM')
  t.assert.strictEqual(await exitCode(child), 0)
  const spans = collector.spans().filter(({ kind }) => kind === KIND.server)
  t.assert.strictEqual(spans.length, REQUESTS)
  const lines = said().matchAll(/"pid":(\d+).*"traceId":"(\w+)","spanId":"(\w+)".*"msg":"request"/g)
  t.assert.deepStrictEqual(
    new Set(
      spans.map(
        ({ resource, traceId, spanId }) => `${resource['process.pid']} ${traceId} ${spanId}`,
      ),
    ),
    new Set([...lines].map(([, pid, traceId, spanId]) => `${pid} ${traceId} ${spanId}`)),
  )
  const instances = new Set(spans.map(({ resource }) => resource['service.instance.id']))
  const pids = new Set(spans.map(({ resource }) => resource['process.pid']))
  t.assert.deepStrictEqual([instances.size, pids.size], [2, 2])
  for (const { resource } of spans) {
    const { 'process.pid': _, 'service.instance.id': __, ...rest } = resource
    t.assert.deepStrictEqual(
      Object.fromEntries(Object.entries(rest).filter(([name]) => !name.startsWith('telemetry.'))),
      {
        'service.name': 'accounts',
        'service.version': VERSION,
        'deployment.environment.name': 'staging',
        team: 'a b',
      },
    )
  }
  for (const { headers } of collector.received) {
    t.assert.deepStrictEqual([headers['x-api-key'], headers['x-scope']], [KEY, SCOPE])
  }
  for (const secret of [KEY, SCOPE]) t.assert.ok(!said().includes(secret))
})

test('the server, whose collector hangs, exits in time with 0 after SIGTERM', async (t: TestContext) => {
  const collector = await collectTraces(t, 'hang')
  const site = await install(t)
  const { url, child } = await startServer(site, { ...PRODUCTION, ...collector.settings })
  for (let request = 0; request < REQUESTS; request++) await fetch(`${url}/livez`)
  child.kill('SIGTERM')
  t.assert.strictEqual(await exitCode(child), 0) // it would be 1 after 9 s
  t.assert.strictEqual(collector.spans().length, REQUESTS)
})
