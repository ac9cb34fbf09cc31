import { type Static, Type } from '@sinclair/typebox'
import type { EventRecord } from '../../db/queries/events.ts'
import { EVENT_TYPES } from '../../db/schema.ts'
import { page } from '../common/pages.ts'
import { Address, Id, nullable, ref, stringEnum, Timestamp } from '../common/schemas.ts'

export const EventType = stringEnum(EVENT_TYPES, {
  $id: 'EventType',
  description: 'The kind of the events to list',
})

export const EventOrder = stringEnum(['newest', 'oldest'], {
  $id: 'EventOrder',
  default: 'newest',
  description: 'Which events come first',
})

export const EventOutcome = stringEnum(['success', 'failure'], {
  $id: 'EventOutcome',
  description: 'Whether it was done or refused',
})

export const Event = Type.Object(
  {
    id: Id,
    at: Timestamp,
    // Not an enum: a later version can record more, and clients with a closed enum would fail.
    type: Type.String({
      pattern: '^[a-z]+(_[a-z]+)*$',
      description: `The kind of the event: ${EVENT_TYPES.map((type) => `\`${type}\``).join(', ')}. A later version can have more`,
      examples: ['login'],
    }),
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
