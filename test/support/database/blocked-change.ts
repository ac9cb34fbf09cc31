import { eq, sql } from 'drizzle-orm'
import type { Queryable } from '../../../db/client.ts'
import { users } from '../../../db/schema.ts'
import { transaction } from '../../../db/transaction.ts'
import type { App } from '../http/build.ts'
import { until } from '../until.ts'

/**
 * Locks the row of an account before a request, so that the request is past its first checks and
 * waits for the row when `change` takes effect.
 *
 * @returns the response
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
    await until(
      async () => isAnswered || (await isQueryWaiting(app)),
      () => 'the request neither waits for the row nor is answered',
    )
    await change(tx)
    return { pending }
  })
  return answer.pending
}

/** Whether a query of the test database waits for a lock. */
async function isQueryWaiting(app: App): Promise<boolean> {
  const [rows] = await app.db.execute(
    sql`SELECT id FROM information_schema.processlist
        WHERE db = DATABASE() AND info LIKE '%for update' AND id <> CONNECTION_ID()`,
  )
  return Array.isArray(rows) && rows.length > 0
}
