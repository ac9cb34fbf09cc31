import { collectDefaultMetrics, Gauge, Registry } from '@platformatic/prom-client'
import fp from 'fastify-plugin'
import { measureRequests } from './requests.ts'
import { type MetricSnapshot, snapshotOf } from './snapshot.ts'

declare module 'fastify' {
  interface FastifyInstance {
    metrics: {
      registry: Registry
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
 * routes, so that it sees each of them. The plugin `metric-sources` adds what the other plugins have.
 */
export default fp<MetricsOptions>(
  async (app, { version }) => {
    const registry = new Registry()
    app.decorate('metrics', { registry, snapshot: () => snapshotOf(registry) })
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
