import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import * as events from '../../db/queries/events.ts'
import { workOf } from '../../plugins/connections/work.ts'
import { successHeaders } from '../../plugins/openapi/declarations.ts'
import type { Handler } from '../common/handler.ts'
import { idAt, pageParameters, readFeed, readPage } from '../common/pages.ts'
import { closedObject, PathId, ref } from '../common/schemas.ts'
import { EventOrder, EventPage, EventType, toEvent } from './schemas.ts'

const listEventsSchema = {
  operationId: 'listEvents',
  tags: ['Administration'],
  summary: 'Read the audit trail',
  description:
    'Newest first by default. To follow the trail, read it oldest first and keep the last cursor: it leads to the events that come later. Ids are in the order of commits.',
  querystring: closedObject({
    ...pageParameters,
    type: Type.Optional(ref(EventType)),
    userId: Type.Optional(PathId),
    order: Type.Optional(ref(EventOrder)),
  }),
  response: { 200: ref(EventPage), ...successHeaders('Link') },
}

/** `GET /events`, for admins. */
export default (async (app) => {
  const listEvents: Handler<typeof listEventsSchema> = async (request, reply) => {
    const { db } = workOf(reply)
    const { type, userId, order = 'newest' } = request.query
    const filter = { order, type, userId: userId === undefined ? undefined : Number(userId) }
    const read = order === 'oldest' ? readFeed : readPage
    return read(request, reply, {
      name: `events ${order}`,
      find: (position, limit) => events.list(db, { ...filter, beyond: idAt(position), limit }),
      positionOf: ({ id }) => id,
      toItem: toEvent,
    })
  }

  app.route({
    method: 'GET',
    url: '/events',
    schema: listEventsSchema,
    config: { scope: 'events:read' },
    handler: listEvents,
  })
}) satisfies FastifyPluginAsyncTypebox
