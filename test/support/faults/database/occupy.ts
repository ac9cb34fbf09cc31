import { createConnection, type RowDataPacket } from 'mysql2/promise'
import type { DatabaseServer } from './database-server.ts'

/** More than the limit that the test sets. */
const HELD = 12
const LOWEST_LIMIT = 10

/**
 * Takes all connections that the server permits.
 *
 * @returns releases them, and restores the limit
 */
export async function occupy(database: DatabaseServer): Promise<() => Promise<void>> {
  const root = await createConnection(database.rootUrl())
  const [[row]] = await root.query<RowDataPacket[]>('SELECT @@GLOBAL.max_connections AS old')
  const held = await Promise.all(
    Array.from({ length: HELD }, () => createConnection(database.url())),
  )
  for (const connection of held) connection.on('error', () => undefined)
  await root.query(`SET GLOBAL max_connections = ${LOWEST_LIMIT}`)
  return async () => {
    await root.query(`SET GLOBAL max_connections = ${Number(row?.old)}`)
    for (const connection of [...held, root]) connection.destroy()
  }
}
