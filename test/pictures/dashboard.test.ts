// Draws the Grafana dashboard from a Prometheus that scrapes a server under a short load. Grafana itself
// is in no package registry of Debian or npm, so uPlot draws the panels.
import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { type TestContext, test } from 'node:test'
import { needsChromium, openPage } from '../support/browser.ts'
import { createDatabase } from '../support/database/database.ts'
import { type DrawnPanel, drawDashboard, type Line } from '../support/metrics/dashboard/page.ts'
import { needsPrometheus, startPrometheus } from '../support/metrics/prometheus.ts'
import { install, startServer } from '../support/process/installation.ts'

const PICTURE = 'coverage/dashboard.png'
const LOAD_S = 25
const SETTINGS = {
  SESSION_SECRET: 'a secret of the tests with 32 characters or more',
  METRICS_PORT: '0',
  RATE_LIMIT_ALLOW: '127.0.0.1',
}

interface Panel {
  type: string
  title: string
  gridPos: DrawnPanel['gridPos']
  fieldConfig?: { defaults?: { unit?: string } }
  targets?: { expr: string; legendFormat: string }[]
}

const skip = needsPrometheus.skip || needsChromium.skip

test('the dashboard, after a short load, has a line in each panel', {
  skip,
  timeout: 180_000,
}, async (t: TestContext) => {
  const DATABASE_URL = await createDatabase()
  const site = await install(t)
  const server = await startServer(site, { ...SETTINGS, DATABASE_URL })
  const metrics = await server.until(/Metrics at (http:[^"]+)/)
  const prometheus = await startPrometheus(t, metrics, resolve('deploy/prometheus/alerts.yml'))
  const start = Date.now() / 1_000
  await sendLoad(server.url)
  await prometheus.untilScraped(2)
  const end = Date.now() / 1_000

  const dashboard = JSON.parse(readFileSync('deploy/grafana/gatehouse.json', 'utf8'))
  const panels: DrawnPanel[] = []
  for (const { title, gridPos, fieldConfig, targets } of dashboard.panels as Panel[]) {
    const lines: Line[] = []
    for (const { expr, legendFormat } of targets ?? []) {
      const query = expr.replaceAll('$__rate_interval', '5s').replaceAll('$job', 'gatehouse')
      const found = await prometheus.queryRange(query, { start, end, stepS: 0.5 })
      lines.push(
        ...found.map(({ metric, points }) => ({ name: legend(legendFormat, metric), points })),
      )
    }
    if (targets) t.assert.ok(lines.length > 0, `${title} has no line`)
    const unit = fieldConfig?.defaults?.unit
    panels.push({ title, gridPos, unit, lines: targets && lines })
  }

  const page = await openPage(t, { width: 1_600, height: 2_460 })
  await drawDashboard(page, panels)
  mkdirSync('coverage', { recursive: true })
  await page.screenshot({ path: PICTURE })
  t.diagnostic(`picture: ${PICTURE}`)
})

/** @param format as Grafana has it, with labels in double braces */
function legend(format: string, labels: Record<string, string>): string {
  return format.replace(/\{\{(.+?)\}\}/g, (_, label: string) => labels[label] ?? '')
}

/** Reads, logins, failed logins and logouts, one after the other on each of a few connections. */
async function sendLoad(url: string): Promise<void> {
  const until = Date.now() + LOAD_S * 1_000
  await Promise.all(Array.from({ length: 4 }, () => useUntil(url, until)))
}

async function useUntil(url: string, until: number): Promise<void> {
  const account = { username: `u-${randomUUID()}`, password: 'tea at the old mill' }
  const send = (method: string, path: string, body?: object, cookie = '') =>
    fetch(`${url}${path}`, {
      method,
      headers: { cookie, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    })
  await send('POST', '/user', account)
  while (Date.now() < until) {
    const login = await send('POST', '/login', account)
    const cookie = login.headers.getSetCookie()[0]?.replace(/;.*/, '') ?? ''
    for (let reads = 0; reads < 200; reads++) await send('GET', '/me', undefined, cookie)
    await send('GET', '/user/1', undefined, cookie)
    await send('GET', '/user/999999', undefined, cookie)
    await send('POST', '/login', { ...account, password: 'a wrong one' })
    await send('POST', '/logout', undefined, cookie)
  }
}
