import { Counter } from '@platformatic/prom-client'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { errors } from '../errors/errors.ts'
import { type Cell, REQUEST_BOUNDS_S } from './histogram.ts'

const MS_PER_S = 1_000
/** The route of requests for which there is none, so that a scanner creates no labels. */
const UNKNOWN_ROUTE = 'unknown'
const KNOWN_METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
/** OpenTelemetry's value for any other method. */
const OTHER_METHOD = '_OTHER'

/**
 * Measures each response that is sent: its duration by method, route and status, and its error code.
 * The names are those of OpenTelemetry's semantic conventions for HTTP, as Prometheus writes them.
 */
export function measureRequests(app: FastifyInstance): void {
  const { metrics } = app
  const durations = metrics.histogram({
    name: 'http_server_request_duration_seconds',
    help: 'Duration of requests whose response was sent.',
    bounds: REQUEST_BOUNDS_S,
  })
  const errorCounter = new Counter({
    name: 'gatehouse_error_responses_total',
    help: 'Error responses by the code in their body.',
    labelNames: ['code'],
    registers: [metrics.registry],
  })
  // A counter that starts with its first error has no increase for it.
  for (const code of Object.keys(errors)) errorCounter.inc({ code }, 0)

  const cellOf = (method: string, route: string, status: number) =>
    durations.cell({
      http_request_method: method,
      http_route: route,
      http_response_status_code: String(status),
    })

  function record(cells: Map<number, Cell>, method: string, route: string, reply: FastifyReply) {
    const { statusCode } = reply
    let cell = cells.get(statusCode)
    if (!cell) {
      cell = cellOf(method, route, statusCode)
      cells.set(statusCode, cell)
    }
    cell.observe(reply.elapsedTime / MS_PER_S)
    const { errorCode } = reply.request
    if (errorCode) errorCounter.inc({ code: errorCode })
  }

  // A hook of each route has its cells at hand. `request.routeOptions` would build an object.
  app.addHook('onRoute', (route) => {
    const method = String(route.method)
    const cells = new Map<number, Cell>()
    const hook = (_request: FastifyRequest, reply: FastifyReply, done: () => void) => {
      record(cells, method, route.url, reply)
      done()
    }
    route.onResponse = [route.onResponse ?? [], hook].flat()
  })

  const unknown = new Map<string, Map<number, Cell>>()
  app.addHook('onResponse', (request, reply, done) => {
    if (request.is404) {
      const method = KNOWN_METHODS.has(request.method) ? request.method : OTHER_METHOD
      const cells = unknown.get(method) ?? new Map<number, Cell>()
      unknown.set(method, cells)
      record(cells, method, UNKNOWN_ROUTE, reply)
    }
    done()
  })
}
