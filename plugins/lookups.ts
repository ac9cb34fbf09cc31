import fp from 'fastify-plugin'
import { closeDatabase, openDatabase, type Servers } from '../db/client.ts'
import { LIMITS } from '../db/lookups/limits.ts'
import { LOOKUP_CONNECTIONS, Lookups } from '../db/lookups/lookups.ts'
import type { SessionLimits } from '../db/queries/live-sessions.ts'

declare module 'fastify' {
  interface FastifyInstance {
    lookups: Lookups
  }
}

export interface LookupsOptions {
  /** Those of the plugin `database`, or others that show what was committed there. */
  servers: Servers
  limits: SessionLimits
}

/** Decorates `lookups`, which finds callers and accounts for many requests by one query. */
export default fp<LookupsOptions>(
  async (app, { servers, limits }) => {
    const db = openDatabase(servers, {
      connections: LOOKUP_CONNECTIONS,
      timeoutMs: LIMITS.deadlineMs,
    })
    app.addHook('onClose', () => closeDatabase(db))
    app.decorate('lookups', new Lookups(db, limits))
  },
  { name: 'lookups', dependencies: ['database'] },
)
