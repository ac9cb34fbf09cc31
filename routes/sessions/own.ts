import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import type { SessionLimits } from '../../db/queries/live-sessions.ts'
import * as sessions from '../../db/queries/sessions.ts'
import { actorOf } from '../../plugins/auth/auth.ts'
import { workOf } from '../../plugins/connections/work.ts'
import { errors } from '../../plugins/errors/errors.ts'
import { errorResponses, successHeaders } from '../../plugins/openapi/declarations.ts'
import { changeToOwn } from '../common/change.ts'
import type { Handler } from '../common/handler.ts'
import { PageQuery, readPage } from '../common/pages.ts'
import { accepted, acceptedEnding } from '../common/refusals.ts'
import { closedObject, IdParams, Message, ref } from '../common/schemas.ts'
import { clearCookies } from './clear-cookies.ts'
import { currentSessionOf, sessionsOf } from './list.ts'
import { SessionPage, SessionScope } from './schemas.ts'

const listSessionsSchema = {
  operationId: 'listSessions',
  tags: ['Sessions'],
  summary: 'List your sessions',
  description: 'Open sessions, newest first.',
  querystring: PageQuery,
  response: { 200: ref(SessionPage), ...successHeaders('Link') },
}

const endSessionSchema = {
  operationId: 'endSession',
  tags: ['Sessions'],
  summary: 'End a session',
  description: 'The session must be one of your own.',
  params: IdParams,
  response: {
    200: ref(Message),
    ...successHeaders('Set-Cookie'),
    ...errorResponses('SESSION_NOT_FOUND'),
  },
}

const endSessionsSchema = {
  operationId: 'endSessions',
  tags: ['Sessions'],
  summary: 'End your sessions',
  description: 'By default, it keeps the session of this request.',
  querystring: closedObject({
    scope: Type.Optional(ref(SessionScope)),
  }),
  response: { 200: ref(Message), ...successHeaders('Set-Cookie') },
}

/** `GET` and `DELETE /sessions`, `DELETE /sessions/{id}`: the caller's own. */
export default (async (app, limits) => {
  const listSessions: Handler<typeof listSessionsSchema> = async (request, reply) => {
    const list = sessionsOf(
      workOf(reply).db,
      limits,
      actorOf(request).id,
      currentSessionOf(request),
    )
    return readPage(request, reply, list)
  }

  const endSession: Handler<typeof endSessionSchema> = async (request, reply) => {
    const sessionId = Number(request.params.id)
    const isCurrent = sessionId === currentSessionOf(request)
    const flaskCookie = isCurrent ? app.flaskSessions.read(request) : undefined
    const change = changeToOwn(request)
    const message = await app.idempotency.change(request, reply, async ({ db }) => {
      const result = await sessions.end(db, change, sessionId, { flaskCookie })
      accepted(result, () => new errors.SESSION_NOT_FOUND())
      return { message: 'Session ended.' }
    })
    if (isCurrent) clearCookies(app, reply, flaskCookie)
    return message
  }

  const endSessions: Handler<typeof endSessionsSchema> = async (request, reply) => {
    const current = currentSessionOf(request)
    const kept = request.query.scope === 'all' ? undefined : current
    const change = changeToOwn(request)
    const message = await app.idempotency.change(request, reply, async (work) => {
      acceptedEnding(app, work, await sessions.endAll(work.db, change, kept))
      return { message: 'Sessions ended.' }
    })
    if (current !== undefined && kept === undefined) app.sessionCookie.clear(reply)
    return message
  }

  app.route({
    method: 'GET',
    url: '/sessions',
    schema: listSessionsSchema,
    config: { scope: 'sessions' },
    handler: listSessions,
  })
  app.route({
    method: 'DELETE',
    url: '/sessions',
    schema: endSessionsSchema,
    config: { scope: 'sessions', idempotencyKey: true },
    handler: endSessions,
  })
  app.route({
    method: 'DELETE',
    url: '/sessions/:id',
    schema: endSessionSchema,
    config: { scope: 'sessions', idempotencyKey: true },
    handler: endSession,
  })
}) satisfies FastifyPluginAsyncTypebox<SessionLimits>
