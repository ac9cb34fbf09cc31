import { eq, sql } from 'drizzle-orm'
import type { Queryable } from '../../client.ts'
import { now } from '../../clock.ts'
import { importedUsers, users } from '../../schema.ts'
import * as access from '../access.ts'
import type { NewEvent } from '../events.ts'
import { type Decision, decide, type SourceAccount } from './decide.ts'
import { existingOf, findExisting } from './find.ts'

/**
 * Takes over what changed in the source since the latest import, and nothing that changed here. A new
 * password ends all sessions and tokens of the account.
 *
 * @param readAt the database's clock before the source was read
 */
export async function merge(
  tx: Queryable,
  source: SourceAccount,
  id: number,
  readAt: string,
): Promise<{ decision: Decision; events: NewEvent[] }> {
  const [account] = await tx.select().from(users).where(eq(users.id, id)).for('update')
  // Decided again, because the account may have changed before it was locked.
  const decision = decide(source, existingOf(await findExisting(tx, [source]), source))
  if (!account || decision.kind !== 'merge') return { decision, events: [] }
  const events: NewEvent[] = []
  if (decision.password === 'taken') {
    const { passwordHash } = source
    await tx.update(users).set({ passwordHash, sessionsEndedAt: now }).where(eq(users.id, id))
    const { detail } = await access.endEverything(tx, account)
    events.push({ type: 'password_changed', userId: id, detail: { imported: true, ...detail } })
  }
  if (decision.role === 'taken') {
    const { role } = source
    await tx.update(users).set({ role }).where(eq(users.id, id))
    events.push({ type: 'user_updated', userId: id, detail: { imported: true, role } })
  }
  const { passwordHash, role } = source
  await tx
    .update(importedUsers)
    .set({ passwordHash, role, importedAt: readAt })
    .where(eq(importedUsers.userId, id))
  if (events.length === 0) return { decision, events }
  await tx
    .update(users)
    .set({ version: sql`${users.version} + 1` })
    .where(eq(users.id, id))
  return { decision, events }
}
