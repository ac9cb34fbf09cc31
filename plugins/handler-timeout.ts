import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whatever the route waits for has a deadline, so that it needs no `handlerTimeout`. */
    isBounded?: boolean
  }
}

export interface HandlerTimeoutOptions {
  /** After which a request that isn't answered gets a 503. */
  timeoutMs: number
}

/**
 * Bounds the handlers of routes. A timer and its signal cost a request a quarter of what all of
 * bare Fastify costs it, so those that are bounded otherwise go without. Register it before them.
 */
export default fp<HandlerTimeoutOptions>(
  async (app, { timeoutMs }) => {
    app.addHook('onRoute', (route) => {
      if (!route.config?.isBounded) route.handlerTimeout ??= timeoutMs
    })
  },
  { name: 'handler-timeout' },
)
