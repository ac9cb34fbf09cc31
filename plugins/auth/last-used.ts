import fp from 'fastify-plugin'
import type { Credential } from '../../db/queries/authority.ts'
import * as sessions from '../../db/queries/sessions.ts'
import * as tokens from '../../db/queries/tokens.ts'

declare module 'fastify' {
  interface FastifyInstance {
    lastUsed: {
      note(credential: Pick<Credential, 'kind' | 'id' | 'isStale'>): void
      /** Writes all noted uses now. */
      flush(): Promise<void>
    }
  }
}

const FLUSH_MS = 1_000
const BATCH_ROWS = 500

/**
 * Writes when sessions and tokens were last used, in batches and outside the requests. A killed
 * process, or a database that is down, loses the uses of the last minute at most.
 */
export default fp(
  async (app) => {
    const pending = { session: new Set<number>(), token: new Set<number>() }
    const touch = { session: sessions.touch, token: tokens.touch }

    async function writeAll() {
      for (const kind of ['session', 'token'] as const) {
        const ids = [...pending[kind]]
        pending[kind].clear()
        for (let start = 0; start < ids.length; start += BATCH_ROWS) {
          await touch[kind](app.db, ids.slice(start, start + BATCH_ROWS))
        }
      }
    }

    let flushing = Promise.resolve()
    const flush = () => {
      flushing = flushing
        .then(writeAll)
        .catch((error) => app.faultLog.report(error, 'last use was not written'))
      return flushing
    }
    const timer = setInterval(flush, FLUSH_MS)
    timer.unref()

    app.addHook('onClose', async () => {
      clearInterval(timer)
      await flush()
    })
    app.decorate('lastUsed', {
      note({ kind, id, isStale }) {
        if (isStale) pending[kind].add(id)
      },
      flush,
    })
  },
  { name: 'last-used', dependencies: ['database', 'fault-log'] },
)
