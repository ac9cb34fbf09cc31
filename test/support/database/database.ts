import { randomBytes } from 'node:crypto'
import { after } from 'node:test'
import { createConnection } from 'mysql2/promise'
import { closeDatabase, openDatabase } from '../../../db/client.ts'
import { migrate } from '../../../db/migrate.ts'
import { runAll, schemaOf } from './copy-schema.ts'

const LOCK_WAIT_TIMEOUT_S = 10
const serverUrl = process.env.TEST_DATABASE_URL
if (!serverUrl) throw new Error('TEST_DATABASE_URL is missing: run the tests by `npm test`')

/**
 * Creates an empty database on the server of the run. It is dropped when the process ends its tests.
 *
 * @returns its URL
 */
export async function createEmptyDatabase(): Promise<string> {
  const name = `gatehouse_test_${randomBytes(6).toString('hex')}`
  await onServer(`CREATE DATABASE ${name}`)
  after(() => onServer(`DROP DATABASE IF EXISTS ${name}`))
  const url = new URL(serverUrl ?? '')
  url.pathname = `/${name}`
  return url.href
}

/** The statements that make the tables. They take a quarter of the time of the migrations. */
let schema: string[] | undefined

/** Creates a database with the current schema: the first one of a process by its migrations. */
export async function createDatabase(): Promise<string> {
  const url = await createEmptyDatabase()
  if (schema) {
    await runAll(url, schema)
    return url
  }
  const db = openDatabase(url, { connections: 2 })
  await migrate(db)
  await closeDatabase(db)
  schema = await schemaOf(url)
  return url
}

async function onServer(statement: string): Promise<void> {
  const url = new URL(serverUrl ?? '')
  url.pathname = '/'
  const connection = await createConnection(url.href)
  // A transaction that a failed test leaves open would block DROP for ever.
  await connection.query(`SET SESSION lock_wait_timeout = ${LOCK_WAIT_TIMEOUT_S}`)
  await connection.query(statement)
  await connection.end()
}
