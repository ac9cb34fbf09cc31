import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Handler } from './handler.ts'
import { Message, responses } from './schemas.ts'

const logoutSchema = { response: responses(Message, 400, 401, 413, 415) }

/** `GET` and `POST /logout`. Their scope asks for a session and has @fastify/session. */
export default (async (app) => {
  const logout: Handler<typeof logoutSchema> = async (request, reply) => {
    await request.session.destroy()
    const { name, attributes } = app.sessionCookie
    reply.clearCookie(name, attributes)
    return { message: 'Logged out.' }
  }

  app.route({
    method: 'GET',
    url: '/logout',
    exposeHeadRoute: false, // HEAD is for reads: a link checker must not log anybody out
    schema: { ...logoutSchema, operationId: 'logout' },
    handler: logout,
  })
  app.route({
    method: 'POST',
    url: '/logout',
    schema: { ...logoutSchema, operationId: 'logoutByPost' },
    handler: logout,
  })
}) satisfies FastifyPluginAsyncTypebox
