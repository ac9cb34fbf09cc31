import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { deleteUser as deleteAccount, findUser } from '../db/users.ts'
import { actorOf } from '../plugins/auth.ts'
import { errors } from '../plugins/errors.ts'
import type { Handler } from './handler.ts'
import { IdParams, Message, responses, toUser, User } from './schemas.ts'

const getMeSchema = { operationId: 'getMe', response: responses(User, 401) }

const getUserSchema = {
  operationId: 'getUser',
  params: IdParams,
  response: responses(User, 400, 401, 404),
}

const deleteUserSchema = {
  operationId: 'deleteUser',
  params: IdParams,
  response: responses(Message, 400, 401, 404, 409),
}

/** Reads, and `DELETE /user/{id}` for admins. The scope asks for a session. */
export default (async (app) => {
  const getMe: Handler<typeof getMeSchema> = async (request) => toUser(actorOf(request))

  const getUser: Handler<typeof getUserSchema> = async (request) => {
    const user = await findUser(app.db, Number(request.params.id))
    if (!user) throw new errors.USER_NOT_FOUND()
    return toUser(user)
  }

  const deleteUser: Handler<typeof deleteUserSchema> = async (request) => {
    const actor = actorOf(request)
    const id = Number(request.params.id)
    if (id === actor.id) throw new errors.OWN_ACCOUNT()
    const outcome = await deleteAccount(app.db, actor, id)
    if (outcome === 'actor-gone') throw new errors.UNAUTHENTICATED()
    if (outcome === 'not-found') throw new errors.USER_NOT_FOUND()
    return { message: 'User deleted.' }
  }

  app.route({ method: 'GET', url: '/me', schema: getMeSchema, handler: getMe })
  app.route({ method: 'GET', url: '/user/:id', schema: getUserSchema, handler: getUser })
  app.register(async (admin) => {
    admin.addHook('onRequest', admin.guard.admin)
    admin.route({
      method: 'DELETE',
      url: '/user/:id',
      schema: deleteUserSchema,
      handler: deleteUser,
    })
  })
}) satisfies FastifyPluginAsyncTypebox
