import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { TestContext } from 'node:test'
import { listenOnLoopback } from '../process/listen-on-loopback.ts'

/** What the tests read of a span in OTLP's JSON encoding. */
export interface ReceivedSpan {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  kind: number
  startTimeUnixNano: string
  endTimeUnixNano: string
  events: unknown[]
  links: { traceId: string; spanId: string }[]
  status: { code: number; message?: string }
  attributes: Record<string, unknown>
  resource: Record<string, unknown>
}

export const KIND = { internal: 1, server: 2, client: 3 }
export const STATUS = { unset: 0, error: 2 }

interface OtlpValue {
  stringValue?: string
  boolValue?: boolean
  intValue?: number | string
  doubleValue?: number
}
type OtlpAttributes = { key: string; value: OtlpValue }[]
type OtlpSpan = Omit<ReceivedSpan, 'attributes' | 'resource'> & { attributes: OtlpAttributes }
interface OtlpRequest {
  resourceSpans: {
    resource: { attributes: OtlpAttributes }
    scopeSpans: { spans: OtlpSpan[] }[]
  }[]
}

/**
 * Receives traces over OTLP/HTTP on the loopback until the test ends.
 *
 * @param answer whether exports are accepted at once, refused, or never answered
 */
export async function collectTraces(
  t: TestContext,
  answer: 'accept' | 'refuse' | 'hang' = 'accept',
) {
  const received: { path: string; headers: IncomingHttpHeaders; body: Buffer }[] = []
  const state = { answer }
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { url: path = '', headers } = request
      received.push({ path, headers, body: Buffer.concat(chunks) })
      if (state.answer !== 'hang') response.writeHead(state.answer === 'accept' ? 200 : 400).end()
    })
  })
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const url = `http://127.0.0.1:${await listenOnLoopback(server)}`
  return {
    url,
    received,
    state,
    /** The settings of a server that sends its traces here. */
    settings: {
      OTEL_EXPORTER_OTLP_ENDPOINT: url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    } as const,
    spans: () => received.flatMap(({ body }) => spansOf(body)),
  }
}

function spansOf(body: Buffer): ReceivedSpan[] {
  const request = JSON.parse(body.toString()) as OtlpRequest // OTLP's JSON encoding
  return request.resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        ...span,
        attributes: valuesOf(span.attributes),
        resource: valuesOf(resource.attributes),
      })),
    ),
  )
}

function valuesOf(attributes: OtlpAttributes): Record<string, unknown> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [
      key,
      value.stringValue ?? value.boolValue ?? value.doubleValue ?? Number(value.intValue),
    ]),
  )
}
