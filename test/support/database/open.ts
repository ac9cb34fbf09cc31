import type { TestContext } from 'node:test'
import { closeDatabase, type Database, openDatabase } from '../../../db/client.ts'

/** Opens a pool that closes after the test. */
export function open(t: TestContext, url: string, connections = 10): Database {
  const db = openDatabase(url, connections)
  t.after(() => closeDatabase(db))
  return db
}
