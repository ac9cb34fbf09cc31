import { type Static, Type } from '@sinclair/typebox'
import type { EventRecord } from '../../db/queries/events.ts'
import { EVENT_TYPES } from '../../db/schema.ts'
import { page } from '../common/pages.ts'
import { Address, Id, nullable, ref, stringEnum, Timestamp } from '../common/schemas.ts'

export const EventType = stringEnum(EVENT_TYPES, {
  $id: 'EventType',
  description: 'The kind of an event',
})

export const EventOrder = stringEnum(['newest', 'oldest'], {
  $id: 'EventOrder',
  description: 'Which events come first. By default, the newest',
})

export const EventOutcome = stringEnum(['success', 'failure'], {
  $id: 'EventOutcome',
  description: 'Whether it was done or refused',
})

export const Event = Type.Object(
  {
    id: Id,
    at: Timestamp,
    type: ref(EventType),
    outcome: ref(EventOutcome),
    actorId: nullable(Id),
    userId: nullable(Id),
    address: Address,
    requestId: nullable(Type.String()),
    detail: nullable(
      Type.Unsafe<Record<string, unknown>>({ type: 'object', additionalProperties: true }),
    ),
    count: Type.Integer({ minimum: 1, maximum: 4_294_967_295, format: 'int64' }),
  },
  {
    $id: 'Event',
    description: 'Who did what, to which account, from where, and with what outcome',
  },
)

export const EventPage = page('EventPage', Event)

export function toEvent({ bucket: _, detail, ...rest }: EventRecord): Static<typeof Event> {
  return {
    ...rest,
    detail: detail === null ? null : JSON.parse(detail),
  }
}
