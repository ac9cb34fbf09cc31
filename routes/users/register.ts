import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { createUser as insertUser } from '../../db/queries/users.ts'
import { errors } from '../../plugins/errors/errors.ts'
import { hangUpOf } from '../../plugins/passwords/hang-up.ts'
import { originOf } from '../common/change.ts'
import type { Handler } from '../common/handler.ts'
import { permitted } from '../common/refusals.ts'
import { closedObject, NewPassword, ref, toUser, UserMessage, Username } from '../common/schemas.ts'

export const NewCredentials = closedObject(
  { username: Username, password: NewPassword },
  { $id: 'NewCredentials', description: 'The account to be' },
)

const createUserSchema = {
  operationId: 'createUser',
  tags: ['Accounts'],
  summary: 'Register an account',
  description:
    'Makes an account of the role `user`. Anybody may, or admins only, by configuration. The name is unique without regard to case.',
  body: ref(NewCredentials),
  response: { 200: ref(UserMessage) },
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

  app.route({
    method: 'POST',
    url: '/user',
    config: {
      errors: [
        ...(['PASSWORD_REFUSED', 'USERNAME_TAKEN', 'HASH_CAPACITY'] as const),
        // Where only admins may. A client is made once, for servers of either configuration.
        ...(['UNAUTHENTICATED', 'NOT_PERMITTED'] as const),
      ],
    },
    schema: createUserSchema,
    handler: createUser,
  })
}) satisfies FastifyPluginAsyncTypebox
