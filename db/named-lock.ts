import { sql } from 'drizzle-orm'
import { firstNumber, type Queryable } from './client.ts'

/**
 * Takes a lock that only one connection can hold, until that connection ends.
 *
 * @param purpose one lock for each, in each database of a server
 * @param timeoutS how long to wait for it, in s
 * @returns whether the lock is held
 */
export async function takeLock(
  connection: Queryable,
  purpose: string,
  timeoutS: number,
): Promise<boolean> {
  // A name is known to the whole server and has 64 characters at most: hence the digest.
  const name = sql`CONCAT('gatehouse.', ${purpose}, '.', LEFT(SHA2(DATABASE(), 256), 32))`
  const [rows] = await connection.execute(sql`SELECT GET_LOCK(${name}, ${timeoutS}) AS held`)
  return firstNumber(rows) === 1
}
