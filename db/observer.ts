import type { Queryable } from './connections/connection.ts'
import type { EventType } from './schema.ts'

export interface CommittedEvent {
  type: EventType
  detail?: Record<string, string | number | boolean | number[]>
}

/** Called after changes, once they cannot be undone. The observer sets the functions. */
export interface DatabaseObserver {
  /** @param events of one transaction */
  onCommit?: (events: readonly CommittedEvent[]) => void
  /** @param count how many expired sessions the sweep has deleted, above 0 */
  onSessionsExpired?: (count: number) => void
}

/** The events of transactions that are open and observed. */
const uncommitted = new WeakMap<Queryable, CommittedEvent[]>()

/** Notes the events of a transaction from now on. Those of an attempt that failed are dropped. */
export function beginNotes(tx: Queryable): void {
  uncommitted.set(tx, [])
}

export function noteEvents(tx: Queryable, events: readonly CommittedEvent[]): void {
  uncommitted.get(tx)?.push(...events)
}

export function takeNotes(tx: Queryable): readonly CommittedEvent[] {
  const events = uncommitted.get(tx) ?? []
  uncommitted.delete(tx)
  return events
}
