import fp from 'fastify-plugin'
import { type Retention, sweep } from '../db/queries/sweep.ts'

export interface SweeperOptions extends Retention {
  /** The time between two sweeps, in ms. */
  intervalMs: number
}

/** Deletes expired rows at intervals, outside the requests. */
export default fp<SweeperOptions>(
  async (app, { intervalMs, ...retention }) => {
    const closing = new AbortController()
    let sweeping = Promise.resolve()
    const timer = setInterval(() => {
      sweeping = sweeping.then(async () => {
        try {
          const rows = await sweep(app.db, retention, closing.signal)
          if (rows > 0) app.log.info({ rows }, 'expired rows deleted')
        } catch (error) {
          app.faultLog.report(error, 'expired rows were not deleted')
        }
      })
    }, intervalMs)
    timer.unref()
    app.addHook('onClose', async () => {
      clearInterval(timer)
      closing.abort()
      await sweeping
    })
  },
  { name: 'sweeper', dependencies: ['database', 'fault-log'] },
)
