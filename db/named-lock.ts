import { sql } from 'drizzle-orm'
import { firstNumber, type Queryable } from './client.ts'

/**
 * Takes a lock that one connection at a time can hold. It is released when the connection ends.
 *
 * @param purpose the name of the lock, in this database
 * @param timeoutS how long to wait for the lock, in s
 * @returns whether the lock is held
 */
export async function takeLock(
  connection: Queryable,
  purpose: string,
  timeoutS: number,
): Promise<boolean> {
  // Names are global to the server and limited to 64 characters, so the database is a digest.
  const name = sql`CONCAT('gatehouse.', ${purpose}, '.', LEFT(SHA2(DATABASE(), 256), 32))`
  const [rows] = await connection.execute(sql`SELECT GET_LOCK(${name}, ${timeoutS}) AS held`)
  return firstNumber(rows) === 1
}
