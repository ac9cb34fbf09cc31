import fp from 'fastify-plugin'
import { closeDatabase, openDatabase } from '../db/client.ts'
import { INSPECTION_CONNECTIONS, Inspections } from '../db/lookups/inspections.ts'
import { INSPECTION_LIMITS } from '../db/lookups/limits.ts'
import type { LookupsOptions } from './lookups.ts'

declare module 'fastify' {
  interface FastifyInstance {
    inspections: Inspections
  }
}

/** Decorates `inspections`, which finds the credentials that other services send. */
export default fp<LookupsOptions>(
  async (app, { servers, limits }) => {
    const db = openDatabase(servers, {
      connections: INSPECTION_CONNECTIONS,
      timeoutMs: INSPECTION_LIMITS.deadlineMs,
    })
    app.addHook('onClose', () => closeDatabase(db))
    app.decorate('inspections', new Inspections(db, limits))
  },
  { name: 'inspections', dependencies: ['database'] },
)
