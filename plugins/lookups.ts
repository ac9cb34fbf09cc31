import fp from 'fastify-plugin'
import { closeDatabase, openDatabase } from '../db/client.ts'
import { createLookups, LOOKUP_CONNECTIONS, type Lookups } from '../db/lookups/lookups.ts'
import type { SessionLimits } from '../db/queries/sessions.ts'

declare module 'fastify' {
  interface FastifyInstance {
    lookups: Lookups
  }
}

export interface LookupsOptions {
  /** As that of `database`. */
  url: string
  limits: SessionLimits
}

/** Decorates `lookups`: who asks and who is asked for, by few questions for many requests. */
export default fp<LookupsOptions>(
  async (app, { url, limits }) => {
    const db = openDatabase(url, LOOKUP_CONNECTIONS)
    app.addHook('onClose', () => closeDatabase(db))
    app.decorate('lookups', createLookups(db, limits))
  },
  { name: 'lookups', dependencies: ['database'] },
)
