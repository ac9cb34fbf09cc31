import fp from 'fastify-plugin'

/**
 * Tells with each answer, by `Server-Timing` (W3C), in ms: `before`, how long it took until the
 * handler had its turn, and `total`, until the answer was there to be sent.
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
