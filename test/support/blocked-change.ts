import { setTimeout as sleep } from 'node:timers/promises'
import { eq, sql } from 'drizzle-orm'
import { type Queryable, transaction } from '../../db/client.ts'
import { users } from '../../db/schema.ts'
import type { App } from './build.ts'

const POLL_MS = 10

/**
 * Holds an account's row while a request comes in, so that the request is past its first checks
 * and waits for the row when `change` takes effect.
 *
 * @returns what the request came to
 */
export async function changeMeanwhile<T>(
  app: App,
  userId: number,
  request: () => PromiseLike<T>,
  change: (tx: Queryable) => Promise<unknown>,
): Promise<T> {
  const answer = await transaction(app.db, async (tx) => {
    await tx.select().from(users).where(eq(users.id, userId)).for('update')
    let isAnswered = false
    const pending = Promise.resolve(request()).finally(() => {
      isAnswered = true
    })
    while (!isAnswered && !(await isSomebodyWaiting(app))) await sleep(POLL_MS)
    await change(tx)
    return { pending }
  })
  return answer.pending
}

/** Whether a query of this test's database has been waiting for a row. */
async function isSomebodyWaiting(app: App): Promise<boolean> {
  const [rows] = await app.db.execute(
    sql`SELECT id FROM information_schema.processlist
        WHERE db = DATABASE() AND info LIKE '%for update' AND id <> CONNECTION_ID()`,
  )
  return Array.isArray(rows) && rows.length > 0
}
