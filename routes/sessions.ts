import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from '@sinclair/typebox'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import {
  endSessions as endMany,
  endSession as endOne,
  listSessions as findSessions,
  type SessionLimits,
  type SessionRecord,
} from '../db/sessions.ts'
import { findUser } from '../db/users.ts'
import { actorOf } from '../plugins/auth.ts'
import { errors } from '../plugins/errors.ts'
import { changeTo, changeToOwn } from './change.ts'
import type { Handler } from './handler.ts'
import { permitted } from './outcome.ts'
import { idAt, type List, PageQuery, page, readPage } from './paging.ts'
import {
  closedObject,
  Id,
  IdParams,
  Message,
  Moment,
  nullable,
  responses,
  stringEnum,
} from './schemas.ts'

const Session = Type.Object({
  id: Id,
  createdAt: Moment,
  lastSeenAt: Moment,
  expiresAt: Moment,
  address: nullable(Type.String()),
  userAgent: nullable(Type.String()),
  /** Whether this is the session that asks. */
  current: Type.Boolean(),
})

const listSessionsSchema = {
  operationId: 'listSessions',
  querystring: PageQuery,
  response: responses(page(Session), 400, 401),
}

const endSessionSchema = {
  operationId: 'endSession',
  params: IdParams,
  response: responses(Message, 400, 401, 403, 404, 413, 415),
}

const endSessionsSchema = {
  operationId: 'endSessions',
  querystring: closedObject({ scope: Type.Optional(stringEnum(['others', 'all'])) }),
  response: responses(Message, 400, 401, 403, 413, 415),
}

const listUserSessionsSchema = {
  operationId: 'listUserSessions',
  params: IdParams,
  querystring: PageQuery,
  response: responses(page(Session), 400, 401, 404),
}

const endUserSessionsSchema = {
  operationId: 'endUserSessions',
  params: IdParams,
  response: responses(Message, 400, 401, 403, 404, 413, 415),
}

/** `GET`, `DELETE /sessions` and `DELETE /sessions/{id}`: one's own. The scope is signed in. */
export default (async (app, limits) => {
  const listSessions: Handler<typeof listSessionsSchema> = async (request, reply) => {
    const list = sessionsOf(app, limits, actorOf(request).id, currentSessionOf(request))
    return readPage(request, reply, list)
  }

  const endSession: Handler<typeof endSessionSchema> = async (request, reply) => {
    const sessionId = Number(request.params.id)
    const outcome = await endOne(app.db, changeToOwn(request), sessionId)
    permitted(outcome, () => new errors.SESSION_NOT_FOUND())
    if (sessionId === currentSessionOf(request)) app.sessionCookie.clear(reply)
    return { message: 'Session ended.' }
  }

  const endSessions: Handler<typeof endSessionsSchema> = async (request, reply) => {
    const current = currentSessionOf(request)
    const kept = request.query.scope === 'all' ? undefined : current
    const change = changeToOwn(request)
    permitted(await endMany(app.db, change, kept))
    if (current !== undefined && kept === undefined) app.sessionCookie.clear(reply)
    return { message: 'Sessions ended.' }
  }

  app.route({ method: 'GET', url: '/sessions', schema: listSessionsSchema, handler: listSessions })
  app.route({ method: 'DELETE', url: '/sessions', schema: endSessionsSchema, handler: endSessions })
  app.route({
    method: 'DELETE',
    url: '/sessions/:id',
    schema: endSessionSchema,
    handler: endSession,
  })
}) satisfies FastifyPluginAsyncTypebox<SessionLimits>

/** `GET` and `DELETE /user/{id}/sessions`: another user's. The scope asks for an admin. */
export const userSessions = (async (app, limits) => {
  const listUserSessions: Handler<typeof listUserSessionsSchema> = async (request, reply) => {
    const id = Number(request.params.id)
    if (!(await findUser(app.db, id))) throw new errors.USER_NOT_FOUND()
    return readPage(request, reply, sessionsOf(app, limits, id, currentSessionOf(request)))
  }

  const endUserSessions: Handler<typeof endUserSessionsSchema> = async (request, reply) => {
    const change = changeTo(request, Number(request.params.id))
    permitted(await endMany(app.db, change))
    const isOwn = change.userId === change.actor.id
    if (isOwn && currentSessionOf(request) !== undefined) app.sessionCookie.clear(reply)
    return { message: 'Sessions ended.' }
  }

  app.route({
    method: 'GET',
    url: '/user/:id/sessions',
    schema: listUserSessionsSchema,
    handler: listUserSessions,
  })
  app.route({
    method: 'DELETE',
    url: '/user/:id/sessions',
    schema: endUserSessionsSchema,
    handler: endUserSessions,
  })
}) satisfies FastifyPluginAsyncTypebox<SessionLimits>

function sessionsOf(
  app: FastifyInstance,
  limits: SessionLimits,
  userId: number,
  currentId: number | undefined,
): List<SessionRecord, Static<typeof Session>> {
  return {
    name: `sessions ${userId}`,
    find: (position, limit) =>
      findSessions(app.db, userId, limits, { before: idAt(position), limit }),
    positionOf: ({ id }) => id,
    toItem: (row) => ({
      ...row,
      createdAt: row.createdAt.toISOString(),
      lastSeenAt: row.lastSeenAt.toISOString(),
      expiresAt: row.expiresAt.toISOString(),
      current: row.id === currentId,
    }),
  }
}

/** @returns undefined for a request that came with a token */
function currentSessionOf(request: FastifyRequest): number | undefined {
  const { credential } = actorOf(request)
  return credential.kind === 'session' ? credential.id : undefined
}
