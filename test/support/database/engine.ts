import { createConnection, type RowDataPacket } from 'mysql2/promise'
import { readEngine } from '../../../db/connections/engine.ts'

const connection = await createConnection(process.env.TEST_DATABASE_URL ?? '')
const { name } = await readEngine(async (sql) => {
  const [rows] = await connection.query<RowDataPacket[]>(sql)
  return rows
})
await connection.end()

/** Whether the database server of the run is TiDB. */
export const isTidb = name === 'TiDB'

/**
 * For the option `skip` of a test that stages its fault by means of a server.
 *
 * @param means what TiDB lacks
 * @returns the reason to skip the test on TiDB; false elsewhere
 */
export function tidbHasNo(means: string): string | false {
  return isTidb && `TiDB has no ${means}`
}
