import type { MetricSnapshot } from '../../../plugins/metrics/snapshot.ts'
import { toText } from '../../../src/server/metrics-server.ts'
import type { App } from '../http/build.ts'

type Labels = Record<string, string>
interface Sample {
  name: string
  labels: Labels
  value: number
}

export type Samples = ReturnType<typeof parseSamples>

/** @returns the samples that a scrape of this app would return */
export async function samplesOf({ metrics }: App): Promise<Samples> {
  const own: MetricSnapshot[] = await metrics.snapshot()
  return parseSamples(await toText([own]))
}

/** @returns what Prometheus would store of an answer of the metrics server */
export async function scrape(url: string): Promise<Samples> {
  const response = await fetch(url)
  if (response.status !== 200) throw new Error(`the scrape returned a ${response.status}`)
  return parseSamples(await response.text())
}

/** @param text in Prometheus's text format 0.0.4 */
export function parseSamples(text: string) {
  const samples = text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map(parseLine)
  const find = (name: string, labels: Labels = {}) =>
    samples.filter(
      (sample) =>
        sample.name === name &&
        Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    )
  return {
    /** The names of the metrics. */
    types: [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name = '']) => name),
    find,
    /** The sum of the samples that have these labels, 0 if there are none. */
    sum: (name: string, labels?: Labels) =>
      find(name, labels).reduce((total, { value }) => total + value, 0),
  }
}

function parseLine(line: string): Sample {
  const [, name = '', labels = '', value] = /^([a-z_0-9]+)(?:\{(.*)\})? (\S+)$/i.exec(line) ?? []
  const pairs = [...labels.matchAll(/([a-z_0-9]+)="([^"]*)"/gi)].map(([, key = '', text = '']) => [
    key,
    text,
  ])
  return { name, labels: Object.fromEntries(pairs), value: Number(value) }
}
