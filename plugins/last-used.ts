import fp from 'fastify-plugin'
import type { Credential } from '../db/authority.ts'
import { touchSessions } from '../db/sessions.ts'
import { touchTokens } from '../db/tokens.ts'

declare module 'fastify' {
  interface FastifyInstance {
    lastUsed: { note(credential: Credential): void }
  }
}

const FLUSH_MS = 1_000
const BATCH_ROWS = 500

/**
 * Writes when sessions and tokens were last used: gathered, in batches, after the answers. What is
 * lost with a killed process, or while the database is away, is at most the last minute.
 */
export default fp(
  async (app) => {
    const pending = { session: new Set<number>(), token: new Set<number>() }
    const touch = { session: touchSessions, token: touchTokens }

    async function flush() {
      for (const kind of ['session', 'token'] as const) {
        const ids = [...pending[kind]]
        pending[kind].clear()
        for (let start = 0; start < ids.length; start += BATCH_ROWS) {
          await touch[kind](app.db, ids.slice(start, start + BATCH_ROWS))
        }
      }
    }

    let flushing = Promise.resolve()
    const timer = setInterval(() => {
      flushing = flushing
        .then(flush)
        .catch((err) => app.log.warn({ err }, 'last use was not written'))
    }, FLUSH_MS)
    timer.unref()

    app.addHook('onClose', async () => {
      clearInterval(timer)
      await flushing
      await flush().catch((err) => app.log.warn({ err }, 'last use was not written'))
    })
    app.decorate('lastUsed', {
      note({ kind, id, isStale }) {
        if (isStale) pending[kind].add(id)
      },
    })
  },
  { name: 'last-used', dependencies: ['database'] },
)
