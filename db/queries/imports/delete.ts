import { eq } from 'drizzle-orm'
import type { Database, Queryable } from '../../client.ts'
import { withLease } from '../../lease.ts'
import { importedUsers, users } from '../../schema.ts'
import * as access from '../access.ts'
import type { NewEvent } from '../events.ts'

/**
 * Deletes an account that the source no longer has.
 *
 * @returns its event, or undefined if it does not exist
 */
export async function deleteImported(tx: Queryable, id: number): Promise<NewEvent | undefined> {
  const [account] = await tx.select().from(users).where(eq(users.id, id)).for('update')
  await tx.delete(importedUsers).where(eq(importedUsers.userId, id))
  if (!account) return undefined
  const { username } = account
  const { detail } = await access.endEverything(tx, account)
  await tx.delete(users).where(eq(users.id, id))
  return { type: 'user_deleted', userId: id, detail: { username, imported: true, ...detail } }
}

/**
 * Forgets what was imported, after the move. The accounts stay.
 *
 * @returns the number of forgotten accounts
 * @throws Error while an import runs
 */
export async function forgetImported(db: Database): Promise<number> {
  const count = await withLease(db, 'import', async () => {
    const [{ affectedRows }] = await db.delete(importedUsers)
    return affectedRows
  })
  if (count !== undefined) return count
  throw new Error('An import is running.')
}
