import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Everything that the route awaits has a deadline, so it needs no `handlerTimeout`. */
    isBounded?: boolean
  }
}

export interface HandlerTimeoutOptions {
  /** After this time a request gets a 503. */
  timeoutMs: number
}

/**
 * Sets a timeout for the handlers of routes that are registered after it. Its timer and signal cost
 * a quarter of a bare Fastify request, so routes with `isBounded` have none.
 */
export default fp<HandlerTimeoutOptions>(
  async (app, { timeoutMs }) => {
    app.addHook('onRoute', (route) => {
      if (!route.config?.isBounded) route.handlerTimeout ??= timeoutMs
    })
  },
  { name: 'handler-timeout' },
)
