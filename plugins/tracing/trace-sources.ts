import { ROOT_CONTEXT, type Span, SpanKind, trace } from '@opentelemetry/api'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { OTHER } from '../conventions/http.ts'
import { ATTRIBUTES } from './attributes.ts'

export interface TraceSourcesOptions {
  /** bcrypt's cost of new hashes. */
  cost: number
}

/** Adds to `tracing` a span for each batch of lookups and each password hash. */
export default fp<TraceSourcesOptions>(
  async (app, { cost }) => {
    traceBatches(app)
    traceHashes(app, cost)
  },
  { name: 'trace-sources', dependencies: ['tracing', 'lookups', 'inspections', 'passwords'] },
)

/**
 * One query serves many requests. Its span belongs to the trace of the first one that is sampled, and
 * links to the others.
 */
function traceBatches({
  tracing: { tracer, spanOf },
  lookups,
  inspections,
}: FastifyInstance): void {
  const queues = { ...lookups.queues, inspections: inspections.queue }
  for (const [queue, { observers }] of Object.entries(queues)) {
    observers.push((batch, waitedMs) => {
      const [parent, ...others] = sampledOf(batch, spanOf)
      if (!parent) return noEnd
      const span = tracer.startSpan(
        'lookup batch',
        {
          kind: SpanKind.CLIENT,
          links: others.map((other) => ({ context: other.spanContext() })),
          attributes: {
            [ATTRIBUTES.databaseSystem]: 'mysql',
            [ATTRIBUTES.databaseOperation]: 'SELECT',
            [ATTRIBUTES.batchQueue]: queue,
            [ATTRIBUTES.batchSize]: batch.length,
            [ATTRIBUTES.batchWait]: round(waitedMs),
          },
        },
        trace.setSpan(ROOT_CONTEXT, parent),
      )
      return (_tookMs, error) => {
        if (error !== undefined) span.setAttribute(ATTRIBUTES.errorType, typeOf(error))
        span.end()
      }
    })
  }
}

/** @returns the spans of the requests that a batch serves, each once */
function sampledOf(
  batch: readonly { cause: object | undefined }[],
  spanOf: (cause: object) => Span | undefined,
): Set<Span> {
  const spans = new Set<Span>()
  for (const { cause } of batch) {
    const span = cause && spanOf(cause)
    if (span) spans.add(span)
  }
  return spans
}

function traceHashes({ tracing: { tracer, spanOf }, passwords }: FastifyInstance, cost: number) {
  passwords.queue.observers.push({
    onStart(waitedMs, cause) {
      const parent = cause && spanOf(cause)
      if (!parent) return noEnd
      const span = tracer.startSpan(
        'password hash',
        { attributes: { [ATTRIBUTES.hashCost]: cost, [ATTRIBUTES.hashWait]: round(waitedMs) } },
        trace.setSpan(ROOT_CONTEXT, parent),
      )
      return () => span.end()
    },
  })
}

function noEnd(): void {}

/** @returns the code of an error, or its class. Its message may hold parameters of the query */
function typeOf(error: unknown): string {
  if (!(error instanceof Error)) return OTHER
  return 'code' in error ? String(error.code) : error.constructor.name
}

/** @returns ms with three decimals */
function round(ms: number): number {
  return Math.round(ms * 1_000) / 1_000
}
