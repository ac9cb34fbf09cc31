import fp from 'fastify-plugin'
import { type Retention, sweep } from '../db/queries/sweep.ts'

declare module 'fastify' {
  interface FastifyInstance {
    sweeper: {
      /** Sweeps now, after a change that left rows. */
      wake(): void
    }
  }
}

export interface SweeperOptions extends Retention {
  /** The time between two sweeps, in ms. */
  intervalMs: number
}

/**
 * Decorates `sweeper`, which deletes the rows of ended access and expired rows, outside the
 * requests: at intervals, and when it is woken.
 */
export default fp<SweeperOptions>(
  async (app, { intervalMs, ...retention }) => {
    const closing = new AbortController()
    let sweeping = Promise.resolve()
    let isQueued = false
    function wake() {
      if (isQueued) return
      isQueued = true
      sweeping = sweeping.then(async () => {
        isQueued = false
        try {
          const rows = await sweep(app.db, retention, closing.signal)
          if (rows) app.log.info({ rows }, 'ended and expired rows deleted')
        } catch (error) {
          app.faultLog.report(error, 'ended and expired rows were not deleted')
        }
      })
    }
    const timer = setInterval(wake, intervalMs)
    timer.unref()
    app.decorate('sweeper', { wake })
    app.addHook('onClose', async () => {
      clearInterval(timer)
      closing.abort()
      await sweeping
    })
  },
  { name: 'sweeper', dependencies: ['database', 'fault-log'] },
)
