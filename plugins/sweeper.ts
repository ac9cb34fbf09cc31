import fp from 'fastify-plugin'
import { type Retention, sweep } from '../db/sweep.ts'

const SWEEP_INTERVAL_MS = 60_000

/** Deletes what has expired, once a minute, beside the requests. */
export default fp<Retention>(
  async (app, retention) => {
    let sweeping = Promise.resolve()
    const timer = setInterval(() => {
      sweeping = sweeping.then(async () => {
        try {
          const rows = await sweep(app.db, retention)
          if (rows > 0) app.log.info({ rows }, 'expired rows swept')
        } catch (err) {
          app.log.warn({ err }, 'expired rows were not swept')
        }
      })
    }, SWEEP_INTERVAL_MS)
    timer.unref()
    app.addHook('onClose', async () => {
      clearInterval(timer)
      await sweeping
    })
  },
  { name: 'sweeper', dependencies: ['database'] },
)
