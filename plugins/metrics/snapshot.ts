import type { Registry } from '@platformatic/prom-client'

/** One metric of one process, in the form that prom-client aggregates. */
export interface MetricSnapshot {
  name: string
  help: string
  type: string
  /** How the values of several processes become one. */
  aggregator: string
  values: MetricValue[]
}

interface MetricValue {
  value: number
  labels: Record<string, string | number | undefined>
  /** Set where it differs from the metric's name: `_bucket`, `_sum` and `_count`. */
  metricName?: string
}

/** The delay of a worker that hangs would disappear in the mean of all workers. */
const LONGEST_COUNTS = /^nodejs_eventloop_lag(_max|_mean|_stddev|_p\d\d)?_seconds$/

export async function snapshotOf(
  registry: Pick<Registry, 'getMetricsAsJSON'>,
): Promise<MetricSnapshot[]> {
  const metrics = await registry.getMetricsAsJSON()
  return metrics.map(({ name, help, type, aggregator, values }) => ({
    name,
    help,
    type: String(type), // declared as an enumeration, in fact its names
    aggregator: LONGEST_COUNTS.test(name) ? 'max' : aggregator,
    values,
  }))
}
