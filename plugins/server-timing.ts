import fp from 'fastify-plugin'

/**
 * Adds `Server-Timing` (W3C) to each response, in ms: `before` is the time until the handler
 * started, `total` the time until the response was ready.
 */
export default fp(
  async (app) => {
    const before = new WeakMap<object, number>()
    app.addHook('preHandler', (request, reply, done) => {
      before.set(request, reply.elapsedTime)
      done()
    })
    app.addHook('onSend', (request, reply, _payload, done) => {
      const total = `total;dur=${reply.elapsedTime.toFixed(2)}`
      const beforeMs = before.get(request)
      const entries =
        beforeMs === undefined ? [total] : [`before;dur=${beforeMs.toFixed(2)}`, total]
      reply.header('server-timing', entries.join(', '))
      done()
    })
  },
  { name: 'server-timing' },
)
