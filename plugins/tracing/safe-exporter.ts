import { type Attributes, type SpanStatus, SpanStatusCode } from '@opentelemetry/api'
import { type ExportResult, ExportResultCode } from '@opentelemetry/core'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace'
import { isServerError } from '../conventions/http.ts'
import { ATTRIBUTES } from './attributes.ts'

export interface ExportLog {
  warn(content: object, message: string): void
  info(content: object, message: string): void
}

const ALLOWED = new Set<string>(Object.values(ATTRIBUTES))
/** @fastify/otel marks with it the spans of hooks and handlers, which are not exported. */
const HOOK_MARK = 'fastify.type'

/**
 * Exports only the listed attributes, without events and error messages. @fastify/otel puts the
 * query string into a span, and the message of an error, which can hold parameters of a query such as
 * password hashes.
 *
 * Logs when sending begins to fail and when it succeeds again, not at each attempt.
 */
export class SafeExporter implements SpanExporter {
  readonly #sender: SpanExporter
  readonly #log: ExportLog
  #state: 'sending' | 'failing' = 'sending'
  /** Spans, since sending began to fail. */
  #lost = 0

  constructor(sender: SpanExporter, log: ExportLog) {
    this.#sender = sender
    this.#log = log
  }

  export(spans: ReadableSpan[], resultCallback: (result: ExportResult) => void): void {
    const safe = spans.filter(({ attributes }) => !(HOOK_MARK in attributes)).map(toSafe)
    if (safe.length === 0) {
      resultCallback({ code: ExportResultCode.SUCCESS })
      return
    }
    this.#sender.export(safe, (result) => {
      this.#note(result, safe.length)
      resultCallback(result)
    })
  }

  shutdown(): Promise<void> {
    return this.#sender.shutdown()
  }

  async forceFlush(): Promise<void> {
    await this.#sender.forceFlush?.()
  }

  #note({ code, error }: ExportResult, spans: number): void {
    if (code !== ExportResultCode.SUCCESS) {
      if (this.#state === 'sending') {
        this.#log.warn({ err: error }, 'Traces are not sent, spans are lost')
      }
      this.#state = 'failing'
      this.#lost += spans
    } else if (this.#state === 'failing') {
      this.#log.info({ spansLost: this.#lost }, 'Traces are sent again')
      this.#state = 'sending'
      this.#lost = 0
    }
  }
}

/** @returns a copy of the span. Each property is listed, so that a new one is not sent unseen */
function toSafe(span: ReadableSpan): ReadableSpan {
  const attributes = allowedOf(span.attributes)
  const context = span.spanContext()
  return {
    name: span.name,
    kind: span.kind,
    spanContext: () => context,
    ...(span.parentSpanContext && { parentSpanContext: span.parentSpanContext }),
    startTime: span.startTime,
    endTime: span.endTime,
    duration: span.duration,
    ended: span.ended,
    status: statusOf(attributes),
    attributes,
    links: span.links,
    events: [],
    resource: span.resource,
    instrumentationScope: span.instrumentationScope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: span.droppedLinksCount,
  }
}

/** As in the log, only error responses have a path; a hook has removed its query. */
function allowedOf(attributes: Attributes): Attributes {
  const hasPath = ATTRIBUTES.errorCode in attributes
  const allowed: Attributes = {}
  for (const name of Object.keys(attributes)) {
    if (ALLOWED.has(name) && (name !== ATTRIBUTES.path || hasPath)) allowed[name] = attributes[name]
  }
  return allowed
}

/** A response below 500 is not an error of the server (semantic conventions for HTTP spans). */
function statusOf(attributes: Attributes): SpanStatus {
  const status = attributes[ATTRIBUTES.status]
  const failed =
    ATTRIBUTES.errorType in attributes || (typeof status === 'number' && isServerError(status))
  return { code: failed ? SpanStatusCode.ERROR : SpanStatusCode.UNSET }
}
