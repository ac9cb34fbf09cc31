import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from '@sinclair/typebox'
import { type EventRecord, listEvents as findEvents } from '../db/events.ts'
import { EVENT_TYPES } from '../db/schema.ts'
import type { Handler } from './handler.ts'
import { idAt, page, pageParameters, readPage } from './paging.ts'
import { closedObject, Id, Moment, nullable, PathId, responses, stringEnum } from './schemas.ts'

const Event = Type.Object({
  id: Id,
  at: Moment,
  type: stringEnum(EVENT_TYPES),
  outcome: stringEnum(['success', 'failure']),
  actorId: nullable(Id),
  userId: nullable(Id),
  address: nullable(Type.String()),
  requestId: nullable(Type.String()),
  detail: nullable(Type.Record(Type.String(), Type.Unknown())),
  count: Type.Integer({ minimum: 1 }),
})

const listEventsSchema = {
  operationId: 'listEvents',
  querystring: closedObject({
    ...pageParameters,
    type: Type.Optional(stringEnum(EVENT_TYPES)),
    userId: Type.Optional(PathId),
    order: Type.Optional(stringEnum(['newest', 'oldest'])),
  }),
  response: responses(page(Event), 400, 401),
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

  app.route({ method: 'GET', url: '/events', schema: listEventsSchema, handler: listEvents })
}) satisfies FastifyPluginAsyncTypebox

function toEvent({ bucket: _, at, detail, ...rest }: EventRecord): Static<typeof Event> {
  return {
    ...rest,
    at: at.toISOString(),
    detail: detail === null ? null : JSON.parse(detail),
  }
}
