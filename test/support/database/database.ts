import { randomBytes } from 'node:crypto'
import { after } from 'node:test'
import { createConnection } from 'mysql2/promise'
import { closeDatabase, openDatabase } from '../../../db/client.ts'
import { migrate } from '../../../db/migrate.ts'
import { runAll, schemaOf } from './copy-schema.ts'
import { isTidb } from './engine.ts'

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

/** Of the first database of the process, on TiDB: a migration takes seconds there, a copy 0.2 s. */
let copied: string[] | undefined

/** Creates a database with the current schema. */
export async function createDatabase(): Promise<string> {
  const url = await createEmptyDatabase()
  if (copied) {
    await runAll(url, copied)
    return url
  }
  const db = openDatabase(url, { connections: 2 })
  await migrate(db)
  await closeDatabase(db)
  if (isTidb) copied = await schemaOf(url)
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
