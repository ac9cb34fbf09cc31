import type { Connection, RowDataPacket } from 'mysql2/promise'

/*
 * The protocol by which processes agree when the server stops. Its facts are kept by the server, so
 * that they end with the process or the server that they are about:
 *
 * - A user is a connection of root without a selected database. Pools select one.
 * - A process holds LOCK while it enters and while it leaves. The last user keeps LOCK until the
 *   server has closed its connection.
 * - A server that is about to stop carries STOPPING.
 *
 * So a process that connects while the last user leaves is either seen by it, or gets LOCK only
 * when STOPPING is set, and does not become a user.
 */
export const LOCK = 'gatehouse.users'
const LOCK_TIMEOUT_S = 10
/** In `init_connect`, a variable that has no effect on root. */
export const STOPPING = "SET @gatehouse = 'stopping'"
/** The longest that the servers allow, so that an idle user is not disconnected. */
const MAX_WAIT_TIMEOUT_S = 31_536_000

/**
 * Makes a connection a user of the server.
 *
 * @returns false if the server is stopping; the connection is closed then
 * @throws Error if the server closes the connection, or another process holds the lock for too long
 */
export async function enterAsUser(connection: Connection): Promise<boolean> {
  try {
    await connection.query(`SET SESSION wait_timeout = ${MAX_WAIT_TIMEOUT_S}`)
    await lock(connection)
    const [[server]] = await connection.query<RowDataPacket[]>(
      'SELECT @@GLOBAL.init_connect AS mark',
    )
    if (server?.mark === STOPPING) {
      // Again, because the last user may have been killed before it could.
      await connection.query('SHUTDOWN')
      connection.destroy()
      return false
    }
    await connection.query('SELECT RELEASE_LOCK(?)', [LOCK])
    return true
  } catch (error) {
    connection.destroy()
    throw error
  }
}

/**
 * Closes the connection of a user, and stops the server if that was the last.
 *
 * @returns whether the server stops
 */
export async function leaveAsUser(connection: Connection): Promise<boolean> {
  let isLast = false
  try {
    await lock(connection)
    // No longer a user: another that leaves may get the lock before this connection is gone.
    await connection.query('USE mysql')
    const [connections] = await connection.query<RowDataPacket[]>('SHOW PROCESSLIST')
    isLast = !connections.some(({ User, db }) => User === 'root' && db === null)
    if (isLast) {
      await connection.query('SET GLOBAL init_connect = ?', [STOPPING])
      await connection.query('SHUTDOWN')
    }
  } catch {
    // The server is gone, or closes the connection before it answers.
  }
  connection.destroy()
  return isLast
}

async function lock(connection: Connection): Promise<void> {
  const [[row]] = await connection.query<RowDataPacket[]>('SELECT GET_LOCK(?, ?) AS isLocked', [
    LOCK,
    LOCK_TIMEOUT_S,
  ])
  if (row?.isLocked !== 1) throw new Error('Another process holds the lock of the database server.')
}
