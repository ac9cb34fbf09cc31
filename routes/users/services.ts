import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import * as users from '../../db/queries/users.ts'
import { actorOf } from '../../plugins/auth/auth.ts'
import { errorResponses, links } from '../../plugins/openapi/declarations.ts'
import { DOCUMENTED_AS } from '../../plugins/openapi/documented-as.ts'
import { originOf } from '../common/change.ts'
import type { Handler } from '../common/handler.ts'
import { accepted } from '../common/refusals.ts'
import { closedObject, ref, stringEnum } from '../common/schemas.ts'
import { AddressRanges, ManagedUser, NewUsername, Role, toManagedUser } from './schemas.ts'

export const ServiceRequest = closedObject(
  {
    // Documented without an enum: in Go, its constant would be that of AccountKind.
    kind: stringEnum(['service'], {
      [DOCUMENTED_AS]: Type.String({
        pattern: '^service$',
        maxLength: 7,
        description: '`service`. People register by `POST /user`',
        examples: ['service'],
      }),
    }),
    username: NewUsername,
    role: Type.Optional(ref(Role)),
    addressRanges: Type.Optional(AddressRanges),
  },
  { $id: 'ServiceRequest', description: 'The new service account. Its role is `user` by default' },
)

const createServiceSchema = {
  operationId: 'createService',
  tags: ['Administration'],
  summary: 'Create a service account',
  description:
    'A service account has no password and cannot log in. It acts by the tokens that admins make for it. A limited token cannot give it the role `admin`.',
  body: ref(ServiceRequest),
  response: {
    200: ref(ManagedUser),
    ...links({
      getUser: { id: '$response.body#/id' },
      deleteUser: { id: '$response.body#/id' },
      createServiceToken: { id: '$response.body#/id' },
    }),
    ...errorResponses('USERNAME_TAKEN', 'TOKEN_LIMITED'),
  },
}

/** `POST /users`, for admins. */
export default (async (app) => {
  const createService: Handler<typeof createServiceSchema> = async (request, reply) => {
    const { username, role = 'user', addressRanges = null } = request.body
    const by = { actor: actorOf(request), origin: originOf(request) }
    const service = { username, role, addressRanges }
    return app.idempotency.change(request, reply, async ({ db }) => {
      const created = await users.createService(db, by, service)
      return toManagedUser(accepted(created).user)
    })
  }

  app.route({
    method: 'POST',
    url: '/users',
    schema: createServiceSchema,
    config: { scope: 'accounts:write', idempotencyKey: true },
    handler: createService,
  })
}) satisfies FastifyPluginAsyncTypebox
