import { Counter, Histogram } from '@platformatic/prom-client'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { conventionalMethod } from '../conventions/http.ts'
import { errors } from '../errors/errors.ts'

const MS_PER_S = 1_000
/** From 1 ms: most reads take 2 to 3. The larger ones are those that OpenTelemetry advises. */
const BUCKETS_S = [
  ...[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1],
  ...[0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
]
const LABELS = ['http_request_method', 'http_route', 'http_response_status_code']
/** The route of requests for which there is none, so that a scanner creates no labels. */
const UNKNOWN_ROUTE = 'unknown'

/** The durations of one route and method, by status, so that labels are looked up once. */
type Series = Map<number, Histogram.Internal<string>>

/**
 * Measures each response that is sent: its duration by method, route and status, and its error code.
 * The names are those of OpenTelemetry's semantic conventions for HTTP, as Prometheus writes them.
 */
export function measureRequests(app: FastifyInstance): void {
  const { metrics } = app
  const durations = new Histogram({
    name: 'http_server_request_duration_seconds',
    help: 'Duration of requests whose response was sent.',
    labelNames: LABELS,
    buckets: BUCKETS_S,
    registers: [metrics.registry],
  })
  const errorCounter = new Counter({
    name: 'gatehouse_error_responses_total',
    help: 'Error responses by the code in their body.',
    labelNames: ['code'],
    registers: [metrics.registry],
  })
  // A counter that starts with its first error has no increase for it.
  for (const code of Object.keys(errors)) errorCounter.inc({ code }, 0)

  function record(series: Series, method: string, route: string, reply: FastifyReply) {
    const { statusCode } = reply
    let child = series.get(statusCode)
    if (!child) {
      child = durations.labels(method, route, String(statusCode))
      series.set(statusCode, child)
    }
    child.observe(reply.elapsedTime / MS_PER_S)
    const { errorCode } = reply.request
    if (errorCode) errorCounter.inc({ code: errorCode })
  }

  // A hook of each route has its series at hand. `request.routeOptions` would build an object.
  app.addHook('onRoute', (route) => {
    const method = String(route.method)
    const series: Series = new Map()
    const hook = (_request: FastifyRequest, reply: FastifyReply, done: () => void) => {
      record(series, method, route.url, reply)
      done()
    }
    route.onResponse = [route.onResponse ?? [], hook].flat()
  })

  const unknown = new Map<string, Series>()
  app.addHook('onResponse', (request, reply, done) => {
    if (request.is404) {
      const method = conventionalMethod(request.method)
      const series: Series = unknown.get(method) ?? new Map()
      unknown.set(method, series)
      record(series, method, UNKNOWN_ROUTE, reply)
    }
    done()
  })
}
