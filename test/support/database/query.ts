import { createConnection, type RowDataPacket } from 'mysql2/promise'

/** Runs a statement on a connection of its own. @returns the rows, if it has any */
export async function query(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const connection = await createConnection(url)
  try {
    const [rows] = await connection.query<RowDataPacket[]>(statement)
    return Array.isArray(rows) ? rows.map((row) => ({ ...row })) : []
  } finally {
    await connection.end()
  }
}
