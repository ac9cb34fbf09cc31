import { FastifyOtelInstrumentation } from '@fastify/otel'
import type { Span, Tracer } from '@opentelemetry/api'
import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { conventionalMethod, isServerError, OTHER } from '../conventions/http.ts'
import { loggedPath } from '../request-log.ts'
import { ATTRIBUTES } from './attributes.ts'
import { openProvider, type TracingOptions } from './provider.ts'

declare module 'fastify' {
  interface FastifyInstance {
    tracing: {
      tracer: Tracer
      /** @returns the span of a request if it is sampled */
      spanOf(request: object): Span | undefined
    }
  }
}

/**
 * Decorates `tracing`, and makes a span of each request, which continues an incoming `traceparent`
 * (W3C Trace Context). Register it before all other hooks and routes. The plugin `trace-sources` adds
 * spans of what requests wait for.
 *
 * No context manager is registered: on Node 20, `AsyncLocalStorage` makes every promise more
 * expensive, also those of requests that are not sampled. The request leads to its span.
 */
export default fp<TracingOptions>(
  async (app, options) => {
    const { provider, close } = await openProvider(options, app.log)
    app.addHook('onClose', close)
    /** Of requests that are sampled. */
    const spans = new WeakMap<object, Span>()
    app.decorate('tracing', {
      tracer: provider.getTracer('gatehouse'),
      spanOf: (request) => spans.get(request),
    })

    const instrumentation = new FastifyOtelInstrumentation({
      instrumentHooks: false,
      instrumentHandler: false,
      recordExceptions: false,
      ignorePaths: () => false, // else it reads OTEL_FASTIFY_IGNORE_PATHS
      requestHook(span, request) {
        nameInLog(span, request)
        if (!span.isRecording()) return
        spans.set(request, span)
        describe(span, request)
      },
    })
    instrumentation.setTracerProvider(provider)
    await app.register(instrumentation.plugin())
    app.addHook('onRequest', (request, reply, done) => {
      reply.log = request.log
      done()
    })

    // Before the hook of @fastify/otel that ends the span.
    app.addHook('onSend', (request, reply, payload, done) => {
      const span = spans.get(request)
      if (span) describeError(span, request, reply)
      done(null, payload)
    })
  },
  { name: 'tracing' },
)

/** The ids stand in every line of the request, whether it is sampled or not. */
function nameInLog(span: Span, request: FastifyRequest): void {
  const { traceId, spanId } = span.spanContext()
  request.log = request.log.child({ traceId, spanId })
}

function describe(span: Span, request: FastifyRequest): void {
  const method = conventionalMethod(request.method)
  const name = method === OTHER ? 'HTTP' : method
  const route = request.is404 ? undefined : request.routeOptions.url
  span.updateName(route === undefined ? name : `${name} ${route}`)
  span.setAttributes({
    [ATTRIBUTES.method]: method,
    [ATTRIBUTES.scheme]: request.protocol,
    [ATTRIBUTES.protocolVersion]: request.raw.httpVersion,
    [ATTRIBUTES.requestId]: request.id,
  })
}

function describeError(span: Span, request: FastifyRequest, { statusCode }: FastifyReply): void {
  const { errorCode } = request
  if (!errorCode) return
  span.setAttributes({
    [ATTRIBUTES.errorCode]: errorCode,
    [ATTRIBUTES.path]: loggedPath(request.url),
    ...(isServerError(statusCode) && { [ATTRIBUTES.errorType]: errorCode }),
  })
}
