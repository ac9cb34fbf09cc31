import type { Queryable } from '../../../db/client.ts'
import type { EventRecord } from '../../../db/queries/events.ts'
import { findNames } from '../../../db/queries/operator-views.ts'
import { toEvent } from '../../../routes/events/schemas.ts'
import type { Layout } from './list.ts'
import { shortTime } from './table.ts'

/** An event, with the usernames of those accounts that still exist. */
interface NamedEvent {
  event: EventRecord
  names: Map<number, string>
}

export const EVENT_LAYOUT: Layout<NamedEvent> = {
  headings: ['ID', 'TIME', 'TYPE', 'OUTCOME', 'BY', 'USER', 'ADDRESS', 'COUNT', 'DETAIL'],
  toCells: ({ event, names }) => {
    const { via, osUser, ...detail } = detailOf(event)
    const nameOf = (id: number | null) => (id === null ? null : (names.get(id) ?? `id:${id}`))
    return [
      event.id,
      shortTime(event.at),
      event.type,
      event.outcome,
      via === 'cli' ? `cli:${osUser}` : nameOf(event.actorId),
      nameOf(event.userId),
      event.address,
      event.count,
      describe(detail),
    ]
  },
  toItem: ({ event }) => toEvent(event),
}

export async function withNames(db: Queryable, events: EventRecord[]): Promise<NamedEvent[]> {
  const ids = events.flatMap(({ actorId, userId }) => [actorId, userId])
  const names = await findNames(db, [...new Set(ids.filter((id) => id !== null))])
  return events.map((event) => ({ event, names }))
}

function detailOf(event: EventRecord): Record<string, unknown> {
  return toEvent(event).detail ?? {}
}

/** @returns `sessionsEnded=2 sessionIds=4,5`, without empty lists */
function describe(detail: Record<string, unknown>): string {
  return Object.entries(detail)
    .filter(([, value]) => !(Array.isArray(value) && value.length === 0))
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')
}
