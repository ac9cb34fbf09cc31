import { closeDatabase, openDatabase } from '../../../db/client.ts'

const db = openDatabase(process.env.TEST_DATABASE_URL ?? '', { connections: 1 })
const { name } = await db.pool.use(db.nextLimit(), async ({ engine }) => engine)
await closeDatabase(db)

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
