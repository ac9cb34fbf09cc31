import type { TestContext } from 'node:test'
import { closeDatabase, type Database, openDatabase } from '../../../db/client.ts'

/** Far longer than a query takes on a busy machine. */
const TIMEOUT_MS = 30_000

/** Opens a pool that closes after the test. */
export function open(t: TestContext, url: string, connections = 10): Database {
  const db = openDatabase(url, { connections, timeoutMs: TIMEOUT_MS })
  t.after(() => closeDatabase(db))
  return db
}
