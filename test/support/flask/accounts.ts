import { createPool, type ResultSetHeader, type RowDataPacket } from 'mysql2/promise'
import { query } from '../database/query.ts'

/** As Flask-SQLAlchemy creates it for the model of the known services. */
const TABLE = `CREATE TABLE user (
  id INTEGER NOT NULL AUTO_INCREMENT,
  username VARCHAR(80) NOT NULL,
  password VARCHAR(80) NOT NULL,
  role VARCHAR(80) NOT NULL,
  PRIMARY KEY (id),
  UNIQUE (username)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci`

export interface FlaskAccount {
  id: number
  username: string
  /** A bcrypt hash, or the password itself where it was changed. */
  password: string
  role: string
}

export async function createFlaskTable(url: string): Promise<void> {
  await query(url, TABLE)
}

export type FlaskAccounts = ReturnType<typeof openFlaskAccounts>

/** The statements of the Flask service. A rejected statement rejects, and the service returns a 500. */
export function openFlaskAccounts(url: string) {
  const pool = createPool({ uri: url, connectionLimit: 5 })
  const first = async (where: 'id' | 'username', value: number | string) => {
    const [[row]] = await pool.query<(RowDataPacket & FlaskAccount)[]>(
      `SELECT id, username, password, role FROM user WHERE ${where} = ?`,
      [value],
    )
    return row
  }
  return {
    byId: (id: number) => first('id', id),
    byName: (username: string) => first('username', username),
    async insert(username: string, password: string, role = 'user'): Promise<number> {
      const [{ insertId }] = await pool.query<ResultSetHeader>(
        'INSERT INTO user (username, password, role) VALUES (?, ?, ?)',
        [username, password, role],
      )
      return insertId
    },
    setPassword: (id: number, password: string) =>
      pool.query('UPDATE user SET password = ? WHERE id = ?', [password, id]),
    rename: (id: number, username: string) =>
      pool.query('UPDATE user SET username = ? WHERE id = ?', [username, id]),
    remove: (id: number) => pool.query('DELETE FROM user WHERE id = ?', [id]),
    close: () => pool.end(),
  }
}
