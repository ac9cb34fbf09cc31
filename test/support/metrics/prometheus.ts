import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { findPrometheusBinary } from '../../../scripts/server-binary.mjs'
import { makeFolder } from '../process/folder.ts'
import { freePort } from '../process/free-port.ts'
import { until } from '../until.ts'

/** For the options of tests that run Prometheus. */
export const needsPrometheus = {
  skip:
    findPrometheusBinary('prometheus') && findPrometheusBinary('promtool')
      ? false
      : 'no Prometheus',
}

export interface Series {
  metric: Record<string, string>
  value: number
}

export interface SeriesInTime {
  metric: Record<string, string>
  /** Time in s since 1970, and value. */
  points: [number, number][]
}

interface Rule {
  name: string
  /** `ok` once it was evaluated without an error. */
  health: string
}

/** The answers of Prometheus's HTTP API, version 1. */
interface QueryAnswer {
  status: string
  error?: string
  data: { result: { metric: Series['metric']; value: [number, string] }[] }
}

interface RangeAnswer {
  status: string
  error?: string
  data: { result: { metric: Series['metric']; values: [number, string][] }[] }
}

interface RulesAnswer {
  data: { groups: { rules: Rule[] }[] }
}

/**
 * Runs a Prometheus that scrapes one target as the job `gatehouse`, several times a second.
 *
 * @param target the URL of the metrics
 * @param rules the path of a file of rules
 */
export async function startPrometheus(t: TestContext, target: string, rules: string) {
  const folder = await makeFolder(t)
  const port = await freePort()
  const config = `
global: { scrape_interval: 250ms, scrape_timeout: 250ms, evaluation_interval: 1s }
rule_files: [${JSON.stringify(rules)}]
scrape_configs:
  - job_name: gatehouse
    static_configs: [{ targets: [${JSON.stringify(new URL(target).host)}] }]
`
  await writeFile(join(folder, 'prometheus.yml'), config)
  const child = spawn(
    findPrometheusBinary('prometheus') ?? '',
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    { stdio: 'inherit' },
  )
  t.after(() => stop(child))
  const url = `http://127.0.0.1:${port}`
  await until(
    async () => (await fetch(`${url}/-/ready`).catch(() => undefined))?.ok === true,
    () => 'Prometheus is not ready',
  )

  /** @throws Error with Prometheus's message if the query is not valid */
  async function query(text: string): Promise<Series[]> {
    const body = new URLSearchParams({ query: text })
    const response = await fetch(`${url}/api/v1/query`, { method: 'POST', body })
    const { status, error, data }: QueryAnswer = JSON.parse(await response.text())
    if (status !== 'success') throw new Error(`${text}: ${error}`)
    return data.result.map(({ metric, value: [, value] }) => ({ metric, value: Number(value) }))
  }

  return {
    query,
    /** @param range in s since 1970 @throws Error with Prometheus's message if the query is not valid */
    async queryRange(
      text: string,
      { start, end, stepS }: { start: number; end: number; stepS: number },
    ): Promise<SeriesInTime[]> {
      const body = new URLSearchParams({
        query: text,
        start: `${start}`,
        end: `${end}`,
        step: `${stepS}`,
      })
      const response = await fetch(`${url}/api/v1/query_range`, { method: 'POST', body })
      const { status, error, data }: RangeAnswer = JSON.parse(await response.text())
      if (status !== 'success') throw new Error(`${text}: ${error}`)
      return data.result.map(({ metric, values }) => ({
        metric,
        points: values
          .map(([time, value]): [number, number] => [time, Number(value)])
          .filter(([, value]) => Number.isFinite(value)),
      }))
    },
    /** @returns the names of the alert rules, with the last error of each */
    async rules(): Promise<Rule[]> {
      const response = await fetch(`${url}/api/v1/rules`)
      const { data }: RulesAnswer = JSON.parse(await response.text())
      return data.groups.flatMap(({ rules }) => rules)
    },
    /** Waits for scrapes that started after this call. */
    async untilScraped(times: number): Promise<void> {
      const count = async () =>
        (await query('count_over_time(up{job="gatehouse"}[1h])'))[0]?.value ?? 0
      const first = await count()
      await until(
        async () => (await count()) > first + times,
        () => 'Prometheus does not scrape',
      )
    },
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}
