import { and, eq, type SQL, sql } from 'drizzle-orm'
import type { Queryable } from '../client.ts'
import { endedAccess, sessions, tokens, users } from '../schema.ts'
import { MAX_EVENT_IDS } from './events.ts'

/** How many rows a change deletes itself: few, so that it holds its locks for milliseconds. */
const MAX_DELETED_ROWS = 1_000

/** An account whose row the transaction has locked, so that no session or token is added to it. */
export type Owner = Pick<typeof users.$inferSelect, 'id' | 'sessionEpoch' | 'tokenEpoch'>

export interface Ended {
  count: number
  /** Some of them: an event lists no more. */
  ids: number[]
  /** The epoch of those that are kept and of those that are created from now on. */
  epoch: number
  /** Whether rows are left for the sweeper to delete. */
  hasLeftovers: boolean
}

/**
 * Ends all sessions or all tokens of an account, within a larger change.
 *
 * Deletes the rows if they are few. Otherwise it gives the account a new epoch, which ends all rows
 * that have the old one, and leaves their deletion to the sweeper.
 *
 * @param kept the condition of those that do not end; rows of other accounts are ignored
 */
export async function endAll(
  tx: Queryable,
  kind: 'session' | 'token',
  owner: Owner,
  kept?: SQL,
): Promise<Ended> {
  const table = kind === 'session' ? sessions : tokens
  const current = kind === 'session' ? owner.sessionEpoch : owner.tokenEpoch
  const live = and(eq(table.userId, owner.id), eq(table.epoch, current))
  // IF keeps MySQL from reading a range of ids. With the statistics of an empty table, it would then scan
  // the whole index, even with FORCE INDEX.
  const doomed = and(live, kept && sql`NOT IF(${kept}, TRUE, FALSE)`)
  const rows = await tx
    .select({ id: table.id })
    .from(table, { forceIndex: `${kind}s_user_epoch` })
    .where(doomed)
    .orderBy(table.id)
    .limit(MAX_DELETED_ROWS + 1)
  const ids = rows.slice(0, MAX_EVENT_IDS).map(({ id }) => id)
  if (rows.length <= MAX_DELETED_ROWS) {
    // The form of DELETE for several tables: that for a single table accepts no index hint.
    const from = sql`${table} FORCE INDEX (${sql.raw(`${kind}s_user_epoch`)})`
    if (rows.length > 0) await tx.execute(sql`DELETE ${table} FROM ${from} WHERE ${doomed}`)
    return { count: rows.length, ids, epoch: current, hasLeftovers: false }
  }

  const count = await tx.$count(table, doomed)
  const epoch = current + 1
  await tx
    .update(users)
    .set(kind === 'session' ? { sessionEpoch: epoch } : { tokenEpoch: epoch })
    .where(eq(users.id, owner.id))
  if (kept) await tx.update(table).set({ epoch }).where(and(live, kept))
  await tx.insert(endedAccess).values({ userId: owner.id })
  return { count, ids, epoch, hasLeftovers: true }
}

/**
 * Ends all sessions and tokens of an account, except some sessions.
 *
 * @returns what ended, for the event's detail, and whether the sweeper has rows to delete
 */
export async function endEverything(tx: Queryable, owner: Owner, keptSessions?: SQL) {
  const ofSessions = await endAll(tx, 'session', owner, keptSessions)
  const ofTokens = await endAll(tx, 'token', owner)
  return {
    detail: {
      sessionsEnded: ofSessions.count,
      sessionIds: ofSessions.ids,
      tokensEnded: ofTokens.count,
      tokenIds: ofTokens.ids,
    },
    hasLeftovers: ofSessions.hasLeftovers || ofTokens.hasLeftovers,
  }
}
