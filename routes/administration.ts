import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { deleteUser as deleteAccount } from '../db/users.ts'
import { actorOf } from '../plugins/auth.ts'
import { errors } from '../plugins/errors.ts'
import type { Handler } from './handler.ts'
import { IdParams, Message, responses } from './schemas.ts'

const deleteUserSchema = {
  operationId: 'deleteUser',
  params: IdParams,
  response: responses(Message, 400, 401, 404, 409, 413, 415),
}

/** `DELETE /user/{id}`: the scope asks for an admin. */
export default (async (app) => {
  const deleteUser: Handler<typeof deleteUserSchema> = async (request) => {
    const actor = actorOf(request)
    const id = Number(request.params.id)
    if (id === actor.id) throw new errors.OWN_ACCOUNT()
    const outcome = await deleteAccount(app.db, actor, id)
    if (outcome === 'actor-gone') throw new errors.UNAUTHENTICATED()
    if (outcome === 'not-permitted') throw new errors.NOT_PERMITTED()
    if (outcome === 'not-found') throw new errors.USER_NOT_FOUND()
    return { message: 'User deleted.' }
  }

  app.route({ method: 'DELETE', url: '/user/:id', schema: deleteUserSchema, handler: deleteUser })
}) satisfies FastifyPluginAsyncTypebox
