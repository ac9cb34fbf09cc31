import fp from 'fastify-plugin'
import { closeDatabase, openDatabase } from '../db/client.ts'
import { LIMITS } from '../db/lookups/limits.ts'
import { LOOKUP_CONNECTIONS, Lookups } from '../db/lookups/lookups.ts'
import type { SessionLimits } from '../db/queries/live-sessions.ts'

declare module 'fastify' {
  interface FastifyInstance {
    lookups: Lookups
  }
}

export interface LookupsOptions {
  /** The same as that of the plugin `database`. */
  url: string
  limits: SessionLimits
}

/** Decorates `lookups`, which finds callers and accounts for many requests by one query. */
export default fp<LookupsOptions>(
  async (app, { url, limits }) => {
    const db = openDatabase(url, {
      connections: LOOKUP_CONNECTIONS,
      timeoutMs: LIMITS.deadlineMs,
    })
    app.addHook('onClose', () => closeDatabase(db))
    app.decorate('lookups', new Lookups(db, limits))
  },
  { name: 'lookups', dependencies: ['database'] },
)
