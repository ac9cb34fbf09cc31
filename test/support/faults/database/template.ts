import { mkdir } from 'node:fs/promises'
import { hash } from '@node-rs/bcrypt'
import { findServerBinary } from '../../../../scripts/server-binary.mjs'
import { initialise } from '../../../../src/embedded-database/files.ts'
import { undoAtExit } from '../machine/at-exit.ts'
import { freePort } from '../machine/free-port.ts'
import { migrate } from '../server/gatehouse.ts'
import { DATABASE_PASSWORD, DATABASE_USER, DatabaseServer } from './database-server.ts'

/** The accounts of the template: `admin` and `user-0` to `user-1099`, all with one password. */
export const PASSWORD = 'a password of the fault tests'
export const USERS = 1_100

const LOWEST_COST = 10

/**
 * Creates the files that every database server of the fault tests starts with: the schema, the
 * accounts, and a database user without administrative privileges.
 *
 * @param folder is created
 */
export async function makeTemplate(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await initialise(findServerBinary() ?? '', folder)
  const server = new DatabaseServer({
    data: folder,
    host: '127.0.0.1',
    port: await freePort(),
  })
  const undo = undoAtExit(() => server.killNow())
  try {
    await server.start()
    await fill(server)
    await server.stop()
  } finally {
    undo()
  }
}

async function fill(server: DatabaseServer): Promise<void> {
  await server.query('CREATE DATABASE gatehouse CHARACTER SET utf8mb4', '')
  await server.query('CREATE DATABASE empty CHARACTER SET utf8mb4', '')
  await server.query(`CREATE USER ${DATABASE_USER} IDENTIFIED BY '${DATABASE_PASSWORD}'`)
  await migrate(server.rootUrl())
  // Table by table, so that a test can revoke the privileges on one of them.
  for (const { name } of await server.query(
    "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'gatehouse'",
  )) {
    await server.query(
      `GRANT SELECT, INSERT, UPDATE, DELETE ON gatehouse.${name} TO ${DATABASE_USER}`,
    )
  }
  await server.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON empty.* TO ${DATABASE_USER}`)
  await addAccounts(server, USERS)
}

/** Adds `admin`, and `user-0` and so on. */
export async function addAccounts(server: DatabaseServer, users: number): Promise<void> {
  const passwordHash = await hash(PASSWORD, { cost: LOWEST_COST })
  const names = ['admin', ...Array.from({ length: users }, (_, index) => `user-${index}`)]
  const rows = names.map((name) => {
    return `('${name}', '${name}', '${passwordHash}', '${name === 'admin' ? 'admin' : 'user'}')`
  })
  await server.query(
    `INSERT INTO users (username, username_key, password_hash, role) VALUES ${rows.join(', ')}`,
  )
}
