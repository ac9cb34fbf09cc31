import { collectDefaultMetrics, Gauge, Registry } from '@platformatic/prom-client'
import fp from 'fastify-plugin'
import { Histogram } from './histogram.ts'
import { measureRequests } from './requests.ts'
import { type MetricSnapshot, snapshotOf } from './snapshot.ts'

declare module 'fastify' {
  interface FastifyInstance {
    metrics: {
      registry: Registry
      /** Creates a histogram that `snapshot` includes. */
      histogram(...options: ConstructorParameters<typeof Histogram>): Histogram
      /** @returns the metrics of this process, without a query of the database */
      snapshot(): Promise<MetricSnapshot[]>
    }
  }
}

export interface MetricsOptions {
  /** Of Gatehouse. */
  version: string
}

/**
 * Decorates `metrics`, and measures requests and the process. Register it before CORS and before all
 * routes, so that it sees each of them. `MetricSources` adds what the other plugins have.
 */
export default fp<MetricsOptions>(
  async (app, { version }) => {
    const registry = new Registry()
    const histograms: Histogram[] = []
    app.decorate('metrics', {
      registry,
      histogram(options) {
        const histogram = new Histogram(options)
        histograms.push(histogram)
        return histogram
      },
      async snapshot() {
        const own = histograms.map((histogram) => histogram.snapshot())
        return [...own, ...(await snapshotOf(registry))]
      },
    })
    collectDefaultMetrics({ register: registry })
    new Gauge({
      name: 'gatehouse_build_info',
      help: 'The version of Gatehouse. The value is always 1.',
      labelNames: ['version'],
      aggregator: 'first',
      registers: [registry],
    }).set({ version }, 1)
    measureRequests(app)
  },
  { name: 'metrics' },
)
