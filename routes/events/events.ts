import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from '@sinclair/typebox'
import { type EventRecord, listEvents as findEvents } from '../../db/queries/events.ts'
import { EVENT_TYPES } from '../../db/schema.ts'
import type { Handler } from '../common/handler.ts'
import { idAt, page, pageParameters, readPage } from '../common/pages.ts'
import {
  Address,
  closedObject,
  Id,
  Moment,
  nullable,
  PathId,
  ref,
  stringEnum,
} from '../common/schemas.ts'

export const EventType = stringEnum(EVENT_TYPES, {
  $id: 'EventType',
  description: 'What an event tells of',
})

export const Event = Type.Object(
  {
    id: Id,
    at: Moment,
    type: ref(EventType),
    outcome: stringEnum(['success', 'failure']),
    actorId: nullable(Id),
    userId: nullable(Id),
    address: Address,
    requestId: nullable(Type.String({ maxLength: 64 })),
    detail: nullable(
      Type.Unsafe<Record<string, unknown>>({ type: 'object', additionalProperties: true }),
    ),
    count: Type.Integer({ minimum: 1, maximum: 4_294_967_295, format: 'int64' }),
  },
  { $id: 'Event', description: 'Who did what, on whom, from where, and how it ended' },
)

export const EventPage = page('EventPage', Event)

const listEventsSchema = {
  operationId: 'listEvents',
  tags: ['Administration'],
  summary: 'Read the audit trail',
  description:
    'Newest first; or oldest first, for a reader that follows it: the last cursor of that order is good for what comes later. Ids are in the order of commits.',
  querystring: closedObject({
    ...pageParameters,
    type: Type.Optional(ref(EventType)),
    userId: Type.Optional(PathId),
    order: Type.Optional(stringEnum(['newest', 'oldest'])),
  }),
  response: { 200: ref(EventPage) },
}

/**
 * `GET /events`: the audit trail, newest first, or oldest first for a reader that follows it: the
 * last cursor of that order is good for what comes later. The scope asks for an admin.
 */
export default (async (app) => {
  const listEvents: Handler<typeof listEventsSchema> = async (request, reply) => {
    const { type, userId, order = 'newest' } = request.query
    const filter = { order, type, userId: userId === undefined ? undefined : Number(userId) }
    return readPage(request, reply, {
      name: `events ${order}`,
      grows: order === 'oldest',
      find: (position, limit) => findEvents(app.db, { ...filter, beyond: idAt(position), limit }),
      positionOf: ({ id }) => id,
      toItem: toEvent,
    })
  }

  app.route({
    method: 'GET',
    url: '/events',
    config: { successHeaders: ['link'] },
    schema: listEventsSchema,
    handler: listEvents,
  })
}) satisfies FastifyPluginAsyncTypebox

function toEvent({ bucket: _, at, detail, ...rest }: EventRecord): Static<typeof Event> {
  return {
    ...rest,
    at: at.toISOString(),
    detail: detail === null ? null : JSON.parse(detail),
  }
}
