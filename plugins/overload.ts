import { getHeapStatistics } from 'node:v8'
import fp from 'fastify-plugin'
import { errors } from './errors/errors.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route is served even when the process is overloaded. */
    isAlwaysServed?: boolean
  }
}

export interface OverloadOptions {
  /** The longest delay of the event loop, in ms, that does not count as overload. */
  maxDelayMs: number
}

const SAMPLE_MS = 100
/** This many late samples in a row are overload. One alone can be a garbage collection. */
const LATE_SAMPLES = 3
/** The share of the heap's limit from which V8 does little else than collect garbage. */
const MAX_HEAP_SHARE = 0.9

/**
 * Refuses requests with a 503 while the event loop is late or the heap is almost full, so that the
 * requests that are served stay fast. Register it after CORS, so that a page of an allowed origin can read
 * the response, and before any other work on a request.
 */
export default fp<OverloadOptions>(
  async (app, { maxDelayMs }) => {
    const maxHeap = getHeapStatistics().heap_size_limit * MAX_HEAP_SHARE
    let isOverloaded = false
    let lateSamples = 0
    let dueAt = performance.now() + SAMPLE_MS
    const timer = setInterval(() => {
      const now = performance.now()
      lateSamples = now - dueAt > maxDelayMs ? lateSamples + 1 : 0
      dueAt = now + SAMPLE_MS
      isOverloaded = lateSamples >= LATE_SAMPLES || getHeapStatistics().used_heap_size > maxHeap
    }, SAMPLE_MS)
    timer.unref()
    app.addHook('onClose', async () => clearInterval(timer))

    app.addHook('onRequest', (request, _reply, done) => {
      // `routeOptions` builds an object at each read, so it is read only under overload.
      const isRefused = isOverloaded && !request.routeOptions.config.isAlwaysServed
      done(isRefused ? new errors.OVERLOADED() : undefined)
    })
  },
  { name: 'overload', dependencies: ['response-headers'] },
)
