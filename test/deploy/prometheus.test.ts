import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { type TestContext, test } from 'node:test'
import { findPrometheusBinary } from '../../scripts/server-binary.mjs'
import { createDatabase } from '../support/database/database.ts'
import { needsPrometheus, startPrometheus } from '../support/metrics/prometheus.ts'
import { scrape } from '../support/metrics/samples.ts'
import { install, startServer } from '../support/process/installation.ts'
import { until } from '../support/until.ts'

const RULES = resolve('deploy/prometheus/alerts.yml')
const UNIT_TESTS = resolve('deploy/prometheus/alerts.test.yml')
const DASHBOARD = resolve('deploy/grafana/gatehouse.json')
const DOCS = 'docs/metrics.md'
const PRODUCTION = {
  DATABASE_URL: await createDatabase(),
  SESSION_SECRET: 'a secret of the tests with 32 characters or more',
}
const LOGINS = 3

interface Panel {
  title: string
  targets?: { expr: string }[]
}
const { panels }: { panels: Panel[] } = JSON.parse(readFileSync(DASHBOARD, 'utf8'))
const dashboardQueries = panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr }) => ({ title, expr })),
)

test('the alert rules are valid for promtool', needsPrometheus, (t: TestContext) => {
  const promtool = findPrometheusBinary('promtool') ?? ''
  const said = execFileSync(promtool, ['check', 'rules', RULES], { encoding: 'utf8' })
  t.assert.match(said, /SUCCESS: 11 rules found/)
})

test(
  'each alert fires when its condition lasts, and none for a healthy server',
  needsPrometheus,
  (t: TestContext) => {
    const promtool = findPrometheusBinary('promtool') ?? ''
    const said = execFileSync(promtool, ['test', 'rules', UNIT_TESTS], { encoding: 'utf8' })
    t.assert.match(said, /SUCCESS/)
    const tests = readFileSync(UNIT_TESTS, 'utf8')
    for (const { alert } of alerts()) {
      t.assert.strictEqual(tests.split(`alertname: ${alert}\n`).length, 3, `${alert} has two tests`)
    }
  },
)

test(
  'Prometheus, after known traffic, has its values, and data for every query of the dashboard and of the alerts',
  needsPrometheus,
  async (t: TestContext) => {
    const site = await install(t)
    const server = await startServer(site, { ...PRODUCTION, METRICS_PORT: '0' })
    const metrics = await server.until(/Metrics at (http:[^"]+)/)
    const prometheus = await startPrometheus(t, metrics, RULES)
    // Rates need a value before the traffic, of the series that the traffic makes too.
    await sendTraffic(server.url)
    await prometheus.untilScraped(2)
    await sendTraffic(server.url)
    await prometheus.untilScraped(2)

    const numberOf = async (query: string) => (await prometheus.query(query))[0]?.value
    for (const [query, expected] of [
      ['gatehouse_sessions_opened_total{by="login"}', 2 * LOGINS],
      ['gatehouse_sessions_ended_total{reason="logout"}', 2],
      ['gatehouse_error_responses_total{code="INVALID_CREDENTIALS"}', 2],
      ['http_server_request_duration_seconds_count{http_route="/me"}', 2 * LOGINS],
      ['http_server_request_duration_seconds_count{http_route="unknown"}', 2],
      ['gatehouse_processes_serving', 1],
    ] as const) {
      t.assert.strictEqual(await numberOf(query), expected, query)
    }

    t.assert.ok(dashboardQueries.length > 20)
    for (const { title, expr } of dashboardQueries) {
      const query = expr.replaceAll('$__rate_interval', '5m').replaceAll('$job', 'gatehouse')
      const found = await prometheus.query(query)
      t.assert.ok(found.length > 0, `${title} has no data: ${query}`)
      t.assert.ok(
        found.some(({ value }) => Number.isFinite(value)),
        `${title} has no number: ${query}`,
      )
    }

    await until(
      async () => {
        const rules = await prometheus.rules()
        return rules.length === alerts().length && rules.every(({ health }) => health === 'ok')
      },
      () => 'a rule was not evaluated without an error',
    )
    for (const { expr, alert } of alerts()) {
      await prometheus.query(expr)
      const [, compared = '', limit] = /^(.*\S)\s*(?:>|==)\s*([0-9.]+)$/s.exec(expr) ?? []
      t.assert.ok(limit, `${alert} compares with a number`)
      const found = await prometheus.query(compared)
      t.assert.ok(found.length > 0, `${alert} has no data: ${compared}`)
      t.assert.ok(
        found.every(({ value }) => Number.isFinite(value)),
        `${alert} has a value that is no number`,
      )
    }
    const firing = await prometheus.query('ALERTS')
    t.assert.deepStrictEqual(firing, [], 'healthy traffic raises no alert')
  },
)

test('docs/metrics.md describes each metric of ours and each alert, and none that does not exist', async (t: TestContext) => {
  const site = await install(t)
  const server = await startServer(site, { ...PRODUCTION, METRICS_PORT: '0' })
  const { types } = await scrape(await server.until(/Metrics at (http:[^"]+)/))
  const page = readFileSync(DOCS, 'utf8')
  const described = [...page.matchAll(/^\| `([a-z_0-9]+)` \|/gm)].map(([, name = '']) => name)
  const ours = types.filter((name) => !/^(process|nodejs)_/.test(name))
  t.assert.deepStrictEqual(
    described.filter((name) => !/^(process|nodejs)_/.test(name)).sort(),
    ours.sort(),
  )
  for (const name of described) t.assert.ok(types.includes(name), name)
  const explained = [...page.matchAll(/^\| `(Gatehouse[A-Za-z]+)` \|/gm)].map(([, name]) => name)
  t.assert.deepStrictEqual(
    explained,
    alerts().map(({ alert }) => alert),
  )
})

/** The rules in the file, whose expressions stand on one line or as a folded block. */
function alerts(): { alert: string; expr: string }[] {
  const blocks = readFileSync(RULES, 'utf8')
    .split(/^ {6}- alert: /m)
    .slice(1)
  return blocks.map((block) => {
    const [alert = ''] = block.split('\n')
    const [, text = ''] = /^ {8}expr: (.*?)^ {8}(?:for|labels):/ms.exec(block) ?? []
    return { alert, expr: text.replace(/^>-\n/, '').replace(/\s+/g, ' ').trim() }
  })
}

/** Registers one account, logs in a few times, reads, fails once in each way, and logs out. */
async function sendTraffic(url: string): Promise<void> {
  const send = (method: string, path: string, body?: unknown, cookie = '') =>
    fetch(`${url}${path}`, {
      method,
      headers: { cookie, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  const account = { username: 'alice', password: 'tea at the old mill' }
  await send('POST', '/user', account)
  let cookie = ''
  for (let logins = 0; logins < LOGINS; logins++) {
    const login = await send('POST', '/login', account)
    cookie = login.headers.getSetCookie()[0]?.replace(/;.*/, '') ?? ''
    await send('GET', '/me', undefined, cookie)
  }
  await send('POST', '/login', { ...account, password: 'not the password' })
  await send('GET', '/readyz')
  await send('GET', '/no/such/path')
  await send('POST', '/logout', undefined, cookie)
}
