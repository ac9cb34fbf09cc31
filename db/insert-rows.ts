import { sql } from 'drizzle-orm'
import { format, type SqlValue } from 'mysql2'
import type { Queryable } from './client.ts'

/**
 * Inserts many rows by one statement, which must fit into a packet of the database. It is built as
 * text: Drizzle takes longer to build a thousand rows than the server to insert them.
 *
 * @param into the table and its columns: `users (id, username)`
 */
export async function insertRows(db: Queryable, into: string, rows: SqlValue[][]): Promise<void> {
  if (rows.length === 0) return
  await db.execute(sql.raw(format(`INSERT INTO ${into} VALUES ?`, [rows])))
}
