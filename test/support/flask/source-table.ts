import { hash } from '@node-rs/bcrypt'
import { createConnection } from 'mysql2/promise'
import { createEmptyDatabase } from '../database/database.ts'

/** A row of the Flask service's table. */
export interface FlaskRow {
  id?: number
  username: string | null
  password: string | null
  role?: string | null
}

/** bcrypt at its lowest cost, as a Flask service may have it. */
export const OLD_PASSWORD = 'tea at the old mill'
export const OLD_HASH = await hash(OLD_PASSWORD, { cost: 4 })

/** Creates a database with the table of the Flask service. @returns its URL */
export async function createSource(rows: FlaskRow[] = []): Promise<string> {
  const url = await createEmptyDatabase()
  const connection = await createConnection({ uri: url, charset: 'utf8mb4' })
  // As SQLAlchemy creates it, except that names that differ in case only are possible.
  await connection.query(`CREATE TABLE user (
    id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, username VARCHAR(80) UNIQUE, password VARCHAR(200),
    role VARCHAR(80)) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`)
  await connection.end()
  await addRows(url, rows)
  return url
}

export async function addRows(url: string, rows: FlaskRow[]): Promise<void> {
  const connection = await createConnection({ uri: url, charset: 'utf8mb4' })
  for (const { id = null, username, password, role = 'user' } of rows) {
    await connection.query('INSERT INTO user VALUES (?)', [[id, username, password, role]])
  }
  await connection.end()
}
