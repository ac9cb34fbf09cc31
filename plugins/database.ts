import fp from 'fastify-plugin'
import { closeDatabase, type Database, openDatabase, type Servers } from '../db/client.ts'
import { isSchemaCurrent } from '../db/migrate.ts'

declare module 'fastify' {
  interface FastifyInstance {
    db: Database
  }
}

export interface DatabaseOptions {
  servers: Servers
  /** For the operations of a request together, and for each operation outside requests, in ms. */
  timeoutMs: number
}

/** Lookups and inspections have pools of their own. */
export const CONNECTIONS = 10

/** Decorates `db`, a pool of connections. The server does not start if the database is down. */
export default fp<DatabaseOptions>(
  async (app, { servers, timeoutMs }) => {
    const db = openDatabase(servers, { connections: CONNECTIONS, timeoutMs })
    app.addHook('onClose', () => closeDatabase(db))
    if (!(await isSchemaCurrent(db))) {
      app.log.warn('the database schema is older than this version: run `gatehouse migrate`')
    }
    app.decorate('db', db)
  },
  { name: 'database' },
)
