import { createConnection, type RowDataPacket } from 'mysql2/promise'

/** Rows that migrations write. */
const FILLED = ['__drizzle_migrations', 'event_counter']

/** @returns statements that make the tables of the database in another one */
export async function schemaOf(url: string): Promise<string[]> {
  const connection = await createConnection(url)
  const rowsOf = async (sql: string): Promise<string[][]> => {
    const [rows] = await connection.query<RowDataPacket[]>({ sql, rowsAsArray: true })
    return rows as unknown as string[][] // as `rowsAsArray` wants them
  }
  const statements = ['SET SESSION foreign_key_checks = OFF']
  for (const [name] of await rowsOf('SHOW TABLES')) {
    const [[, statement] = []] = await rowsOf(`SHOW CREATE TABLE ${name}`)
    statements.push(statement ?? '')
  }
  for (const name of FILLED) {
    const values = (await rowsOf(`SELECT * FROM ${name}`)).map((row) => connection.escape([row]))
    statements.push(`INSERT INTO ${name} VALUES ${values.join()}`)
  }
  await connection.end()
  return statements
}

export async function runAll(url: string, statements: string[]): Promise<void> {
  const connection = await createConnection(url)
  for (const statement of statements) await connection.query(statement)
  await connection.end()
}
