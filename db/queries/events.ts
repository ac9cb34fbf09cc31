import { and, asc, desc, eq, gt, lt, sql } from 'drizzle-orm'
import type { Database, Queryable } from '../client.ts'
import { noteEvents } from '../observer.ts'
import { type EventType, eventCounter, events } from '../schema.ts'
import { atEnd, transaction } from '../transaction.ts'

/** How many ids an event lists: the length of its row is limited. */
export const MAX_EVENT_IDS = 20
/** In one statement, which must fit into a packet of the database. */
const MAX_ROWS = 500

export type EventRecord = typeof events.$inferSelect

/** Where a change came from: a request, or the command line. */
export interface Origin {
  address?: string | undefined
  requestId?: string
  /** The name of the operating system's user who ran the command. */
  osUser?: string
}

/** Longer names are cut: the detail of an event is limited. */
const MAX_OS_USER_LENGTH = 32

export interface NewEvent {
  type: EventType
  /** The account that acted, if it is known. */
  actorId?: number | undefined
  /** The account that was acted on. */
  userId?: number | undefined
  detail?: Record<string, string | number | boolean | number[]>
}

/**
 * Writes a row of the audit trail, in the transaction of the change that it describes. It must be
 * the last statement of `transaction`: until the commit no other event can be committed. This keeps
 * the ids in the order of commits.
 */
export async function recordEvent(tx: Queryable, origin: Origin, event: NewEvent): Promise<void> {
  await recordEvents(tx, origin, [event])
}

/** Writes several rows, with consecutive ids. Call it last in a transaction, like `recordEvent`. */
export async function recordEvents(
  tx: Queryable,
  origin: Origin,
  list: readonly NewEvent[],
): Promise<void> {
  await atEnd(tx, async () => {
    const lastId = await reserveIds(tx, list.length)
    for (let start = 0; start < list.length; start += MAX_ROWS) {
      const rows = list.slice(start, start + MAX_ROWS).map((event, index) => ({
        ...row(origin, event),
        id: sql<number>`${lastId} - ${list.length - 1 - start - index}`,
        outcome: 'success' as const,
      }))
      await tx.insert(events).values(rows)
    }
    noteEvents(tx, list)
  })
}

/**
 * Records a wrong password. Failures of one kind, actor and account in one minute share a row, and
 * so do all failures of unknown names, so that guessing cannot fill the disk.
 */
export function recordFailure(
  db: Database,
  origin: Origin,
  event: Omit<NewEvent, 'detail'>,
): Promise<void> {
  const { type, actorId = 'nobody', userId = 'unknown' } = event
  const minute = sql`DATE_FORMAT(CURRENT_TIMESTAMP, '%Y%m%d%H%i')`
  return transaction(db, async (tx) => {
    await tx
      .insert(events)
      .values({
        ...row(origin, event),
        id: await reserveIds(tx, 1),
        outcome: 'failure',
        bucket: sql`CONCAT(${`${type}:${actorId}:${userId}:`}, ${minute})`,
      })
      .onDuplicateKeyUpdate({ set: { count: sql`${events.count} + 1` } })
  })
}

export interface EventFilter {
  order: 'newest' | 'oldest'
  /** Return only events after this id, in this order. */
  beyond: number | undefined
  type: EventType | undefined
  userId: number | undefined
  limit: number
}

export function list(
  db: Queryable,
  { order, beyond, type, userId, limit }: EventFilter,
): Promise<EventRecord[]> {
  const isBeyond = order === 'newest' ? lt : gt
  // Each of these indexes returns rows in the order of ids. Without the hint, MariaDB can merge two of
  // them when the statistics are those of a large table.
  const byType = type === undefined ? 'PRIMARY' : 'events_type'
  const forceIndex = userId === undefined ? byType : 'events_user_id'
  return db
    .select()
    .from(events, { forceIndex })
    .where(
      and(
        beyond === undefined ? undefined : isBeyond(events.id, beyond),
        type === undefined ? undefined : eq(events.type, type),
        userId === undefined ? undefined : eq(events.userId, userId),
      ),
    )
    .orderBy(order === 'newest' ? desc(events.id) : asc(events.id))
    .limit(limit)
}

function row({ osUser, ...origin }: Origin, { detail, ...event }: NewEvent) {
  const via = osUser !== undefined && { via: 'cli', osUser: osUser.slice(0, MAX_OS_USER_LENGTH) }
  const all = via ? { ...detail, ...via } : detail
  return { ...event, ...origin, detail: all && JSON.stringify(all) }
}

/**
 * Locks the counter until the commit, so that the order of ids is the order of commits.
 *
 * @returns the last of the ids
 */
async function reserveIds(tx: Queryable, count: number) {
  const [{ affectedRows }] = await tx
    .update(eventCounter)
    .set({ lastId: sql`LAST_INSERT_ID(${eventCounter.lastId} + ${count})` })
    .where(eq(eventCounter.id, 1))
  if (affectedRows !== 1) throw new Error('the table event_counter has no row')
  return sql<number>`LAST_INSERT_ID()`
}
