import { eq } from 'drizzle-orm'
import { type Database, onOneConnection, type Queryable } from '../../client.ts'
import { takeLock } from '../../named-lock.ts'
import { importedUsers, users } from '../../schema.ts'
import * as access from '../access.ts'
import type { NewEvent } from '../events.ts'

/** The named lock of an import. */
export const IMPORT_LOCK = 'import'

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
export function forgetImported(db: Database): Promise<number> {
  return onOneConnection(db, async (connection) => {
    if (!(await takeLock(connection, IMPORT_LOCK, 0))) throw new Error('An import is running.')
    const [{ affectedRows }] = await connection.delete(importedUsers)
    return affectedRows
  })
}
