import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import * as users from '../../db/queries/users.ts'
import { workOf } from '../../plugins/connections/work.ts'
import { errorResponses, links } from '../../plugins/openapi/declarations.ts'
import { originOf } from '../common/change.ts'
import type { Handler } from '../common/handler.ts'
import { accepted } from '../common/refusals.ts'
import { closedObject, ref } from '../common/schemas.ts'
import { NewPassword, NewUsername, toUser, UserMessage } from './schemas.ts'

export const Registration = closedObject(
  { username: NewUsername, password: NewPassword },
  { $id: 'Registration', description: 'The new account' },
)

const createUserSchema = {
  operationId: 'createUser',
  tags: ['Accounts'],
  summary: 'Register an account',
  description:
    'Creates an account with the role `user`. The setting `REGISTRATION` decides whether anyone may do so, or only admins. Usernames are unique and case-insensitive.',
  body: ref(Registration),
  response: {
    200: ref(UserMessage),
    ...links({
      getUser: { id: '$response.body#/user/id' },
      deleteUser: { id: '$response.body#/user/id' },
    }),
    ...errorResponses(
      'PASSWORD_REFUSED',
      'USERNAME_TAKEN',
      'HASH_CAPACITY',
      // If only admins may register accounts. An SDK is generated once, for both configurations.
      'UNAUTHENTICATED',
      'NOT_PERMITTED',
      'SCOPE_MISSING',
    ),
  },
}

/** `POST /user`, for anyone or for admins: `src/app.ts` registers it in the scope of either. */
export default (async (app) => {
  const createUser: Handler<typeof createUserSchema> = async (request, reply) => {
    const { username, password } = request.body
    app.passwords.check(password, username)
    const { signal } = workOf(reply)
    const passwordHash = await app.passwords.hash(password, { signal, cause: request })
    const by = { actor: request.actor ?? undefined, origin: originOf(request) }
    return app.idempotency.change(request, reply, async ({ db }) => {
      const created = await users.create(db, by, { username, passwordHash, role: 'user' })
      return { message: 'User created.', user: toUser(accepted(created).user) }
    })
  }

  app.route({
    method: 'POST',
    url: '/user',
    schema: createUserSchema,
    config: { scope: 'accounts:write', idempotencyKey: true },
    handler: createUser,
  })
}) satisfies FastifyPluginAsyncTypebox
