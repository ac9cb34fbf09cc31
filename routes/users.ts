import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { actorOf } from '../plugins/auth.ts'
import { errors } from '../plugins/errors.ts'
import type { Handler } from './handler.ts'
import { IdParams, responses, toUser, User } from './schemas.ts'

const getMeSchema = { operationId: 'getMe', response: responses(User, 401) }

const getUserSchema = {
  operationId: 'getUser',
  params: IdParams,
  response: responses(User, 400, 401, 404),
}

/** `GET /me` and `GET /user/{id}`: their scope asks for a session. */
export default (async (app) => {
  const getMe: Handler<typeof getMeSchema> = async (request) => toUser(actorOf(request))

  const getUser: Handler<typeof getUserSchema> = async (request) => {
    const user = await request.target
    if (!user) throw new errors.USER_NOT_FOUND()
    return toUser(user)
  }

  app.route({
    method: 'GET',
    url: '/me',
    config: { isBounded: true },
    schema: getMeSchema,
    handler: getMe,
  })
  app.route({
    method: 'GET',
    url: '/user/:id',
    config: { isBounded: true, wantsTarget: true },
    schema: getUserSchema,
    handler: getUser,
  })
}) satisfies FastifyPluginAsyncTypebox
