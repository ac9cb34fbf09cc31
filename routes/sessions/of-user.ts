import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { SessionLimits } from '../../db/queries/live-sessions.ts'
import * as sessions from '../../db/queries/sessions.ts'
import * as users from '../../db/queries/users.ts'
import { workOf } from '../../plugins/connections/work.ts'
import { errors } from '../../plugins/errors/errors.ts'
import { errorResponses, successHeaders } from '../../plugins/openapi/declarations.ts'
import { changeTo } from '../common/change.ts'
import type { Handler } from '../common/handler.ts'
import { PageQuery, readPage } from '../common/pages.ts'
import { acceptedEnding } from '../common/refusals.ts'
import { IdParams, Message, ref } from '../common/schemas.ts'
import { currentSessionOf, sessionsOf } from './list.ts'
import { SessionPage } from './schemas.ts'

const listUserSessionsSchema = {
  operationId: 'listUserSessions',
  tags: ['Administration'],
  summary: 'List the sessions of an account',
  description: 'Open sessions, newest first.',
  params: IdParams,
  querystring: PageQuery,
  response: {
    200: ref(SessionPage),
    ...successHeaders('Link'),
    ...errorResponses('USER_NOT_FOUND'),
  },
}

const endUserSessionsSchema = {
  operationId: 'endUserSessions',
  tags: ['Administration'],
  summary: 'End all sessions of an account',
  description: 'Takes effect on the next request of each session.',
  params: IdParams,
  response: {
    200: ref(Message),
    ...successHeaders('Set-Cookie'),
    ...errorResponses('USER_NOT_FOUND'),
  },
}

/**
 * The document has the first path only. The second and `/user/update-password/{id}` match the same
 * requests, and tools may choose either (OpenAPI 3.1, "Path Templating Matching").
 */
const USER_SESSIONS_PATHS = [
  { url: '/users/:id/sessions', hide: false },
  { url: '/user/:id/sessions', hide: true },
]

/** `GET` and `DELETE /users/{id}/sessions`, for admins. */
export default (async (app, limits) => {
  const listUserSessions: Handler<typeof listUserSessionsSchema> = async (request, reply) => {
    const id = Number(request.params.id)
    const { db } = workOf(reply)
    if (!(await users.find(db, id))) throw new errors.USER_NOT_FOUND()
    return readPage(request, reply, sessionsOf(db, limits, id, currentSessionOf(request)))
  }

  const endUserSessions: Handler<typeof endUserSessionsSchema> = async (request, reply) => {
    const change = changeTo(request, Number(request.params.id))
    const message = await app.idempotency.change(request, reply, async (work) => {
      acceptedEnding(app, work, await sessions.endAll(work.db, change))
      return { message: 'Sessions ended.' }
    })
    const isOwn = change.userId === change.actor.id
    if (isOwn && currentSessionOf(request) !== undefined) app.sessionCookie.clear(reply)
    return message
  }

  for (const { url, hide } of USER_SESSIONS_PATHS) {
    app.route({
      method: 'GET',
      url,
      schema: { ...listUserSessionsSchema, hide },
      config: { scope: 'sessions' },
      handler: listUserSessions,
    })
    app.route({
      method: 'DELETE',
      url,
      schema: { ...endUserSessionsSchema, hide },
      config: { scope: 'sessions', idempotencyKey: true },
      handler: endUserSessions,
    })
  }
}) satisfies FastifyPluginAsyncTypebox<SessionLimits>
