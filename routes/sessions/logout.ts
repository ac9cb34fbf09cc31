import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import * as sessions from '../../db/queries/sessions.ts'
import * as tokens from '../../db/queries/tokens.ts'
import { workOf } from '../../plugins/connections/work.ts'
import { errors } from '../../plugins/errors/errors.ts'
import { successHeaders } from '../../plugins/openapi/declarations.ts'
import { changeToOwn } from '../common/change.ts'
import type { Handler } from '../common/handler.ts'
import { accepted } from '../common/refusals.ts'
import { Message, ref } from '../common/schemas.ts'
import { clearCookies } from './clear-cookies.ts'

const logoutSchema = {
  tags: ['Sessions'],
  summary: 'Log out',
  response: { 200: ref(Message), ...successHeaders('Set-Cookie') },
}

/** `GET` and `POST /logout` end the session or the token of the request. */
export default (async (app) => {
  const logout: Handler<typeof logoutSchema> = async (request, reply) => {
    const change = changeToOwn(request)
    const { db } = workOf(reply)
    const { kind, id } = change.actor.credential
    if (kind === 'token') {
      accepted(await tokens.end(db, change, id), () => new errors.UNAUTHENTICATED())
    } else {
      const flaskCookie = app.flaskSessions.read(request)
      const ended = await sessions.end(db, change, id, { type: 'logout', flaskCookie })
      accepted(ended, () => new errors.UNAUTHENTICATED())
      clearCookies(app, reply, flaskCookie)
    }
    return { message: 'Logged out.' }
  }

  app.route({
    method: 'GET',
    url: '/logout',
    exposeHeadRoute: false, // HEAD is for reads: a link checker must not log users out
    config: { scope: 'any', changesState: true },
    schema: {
      ...logoutSchema,
      operationId: 'logoutByGet',
      deprecated: true,
      description:
        'The same as `POST /logout`, for clients that cannot send anything else. New clients use `POST`, the method for changes.',
    },
    handler: logout,
  })
  app.route({
    method: 'POST',
    url: '/logout',
    schema: {
      ...logoutSchema,
      operationId: 'logout',
      description:
        'Ends the session or the token of the request on the server, before the response is sent.',
    },
    config: { scope: 'any' },
    handler: logout,
  })
}) satisfies FastifyPluginAsyncTypebox
