import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { createUser as insertUser } from '../db/users.ts'
import { errors } from '../plugins/errors.ts'
import { hangUpOf } from '../plugins/hang-up.ts'
import { originOf } from './change.ts'
import type { Handler } from './handler.ts'
import { permitted } from './outcome.ts'
import { closedObject, MessageWithUser, Password, responses, toUser, Username } from './schemas.ts'

const createUserSchema = {
  operationId: 'createUser',
  body: closedObject({ username: Username, password: Password }),
  response: responses(MessageWithUser, 400, 401, 403, 413, 415),
}

/** `POST /user`: its scope decides who may register an account. */
export default (async (app) => {
  const createUser: Handler<typeof createUserSchema> = async (request, reply) => {
    const { username, password } = request.body
    app.passwords.check(password, username)
    const passwordHash = await app.passwords.hash(password, hangUpOf(reply))
    const by = { actor: request.actor ?? undefined, origin: originOf(request) }
    const user = permitted(await insertUser(app.db, by, { username, passwordHash, role: 'user' }))
    if (user === 'taken') throw new errors.USERNAME_TAKEN().at('body.username', 'is taken')
    return { message: 'User created.', user: toUser(user) }
  }

  app.route({ method: 'POST', url: '/user', schema: createUserSchema, handler: createUser })
}) satisfies FastifyPluginAsyncTypebox
