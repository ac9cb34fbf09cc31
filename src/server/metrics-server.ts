import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { AggregatorRegistry, Registry } from '@platformatic/prom-client'
import type { MetricSnapshot } from '../../plugins/metrics/snapshot.ts'

/** Collectors are few. A port that is reachable by mistake costs no more than these. */
const MAX_CONNECTIONS = 32
const REQUEST_TIMEOUT_MS = 5_000

export interface MetricsServerOptions {
  host: string
  port: number
  /** @returns the metrics of each process that serves */
  collect(): Promise<MetricSnapshot[][]>
  onError(error: unknown): void
}

/**
 * Serves `GET /metrics` in Prometheus's text format, and nothing else. A server of its own: the
 * public one could be reached by anyone, and refuses requests under overload.
 *
 * @throws the error of `listen` if the address cannot be used
 */
export async function openMetricsServer({ host, port, collect, onError }: MetricsServerOptions) {
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS },
    (request, response) => {
      answer(request, response, collect).catch((error) => {
        onError(error)
        response.writeHead(500).end()
      })
    },
  )
  server.maxConnections = MAX_CONNECTIONS
  server.listen(port, host)
  await once(server, 'listening')
  const address = server.address()
  const actualPort = address && typeof address === 'object' ? address.port : port
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${actualPort}/metrics`,
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

async function answer(
  { method, url }: IncomingMessage,
  response: ServerResponse,
  collect: MetricsServerOptions['collect'],
): Promise<void> {
  if (method !== 'GET' || url?.split('?', 1)[0] !== '/metrics') {
    response.writeHead(404).end()
    return
  }
  const text = await toText(await collect())
  response.writeHead(200, { 'content-type': Registry.PROMETHEUS_CONTENT_TYPE }).end(text)
}

/** @returns the sum over all processes, in Prometheus's text format 0.0.4 */
export async function toText(processes: MetricSnapshot[][]): Promise<string> {
  return AggregatorRegistry.aggregate(processes).metrics()
}

/** @returns how many processes there should be, and how many of them have sent their metrics */
export function processCounts(expected: number, serving: number): MetricSnapshot[] {
  const gauge = (name: string, help: string, value: number): MetricSnapshot => ({
    ...{ name, help, type: 'gauge', aggregator: 'sum' },
    values: [{ labels: {}, value }],
  })
  return [
    gauge('gatehouse_processes', 'Processes that should serve requests.', expected),
    gauge('gatehouse_processes_serving', 'Processes that serve and have sent metrics.', serving),
  ]
}
