import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import * as users from '../../db/queries/users.ts'
import { errorResponses, successHeaders } from '../../plugins/openapi/declarations.ts'
import { changeTo } from '../common/change.ts'
import { setEtag, wantedVersions } from '../common/entity-tags.ts'
import type { Handler } from '../common/handler.ts'
import { acceptedEnding } from '../common/refusals.ts'
import { closedObject, IdParams, nullable, ref } from '../common/schemas.ts'
import { AddressRanges, ManagedUser, Role, toManagedUser } from './schemas.ts'

export const UserChange = closedObject(
  {
    role: Type.Optional(ref(Role)),
    disabled: Type.Optional(Type.Boolean()),
    addressRanges: Type.Optional(nullable(AddressRanges)),
  },
  { $id: 'UserChange', description: 'What to change: at least one property', minProperties: 1 },
)

const updateUserSchema = {
  operationId: 'updateUser',
  tags: ['Administration'],
  summary: 'Change the role or the state of an account',
  description:
    'Takes effect on the next request of the account. Disabling it ends its sessions and tokens. A limited token cannot give the role `admin`. `addressRanges` limits where the tokens of a service account may come from; null ends the limit.',
  params: IdParams,
  body: ref(UserChange),
  response: {
    200: ref(ManagedUser),
    ...successHeaders('ETag'),
    ...errorResponses(
      'USER_NOT_FOUND',
      'TOKEN_LIMITED',
      'OWN_ACCOUNT',
      'LAST_ADMIN',
      'NOT_A_SERVICE',
      'PRECONDITION_FAILED',
    ),
  },
}

/** `PATCH /user/{id}`, for admins. */
export default (async (app) => {
  const updateUser: Handler<typeof updateUserSchema> = async (request, reply) => {
    const change = changeTo(request, Number(request.params.id), wantedVersions(request))
    return app.idempotency.change(request, reply, async (work) => {
      const updated = await users.update(work.db, change, request.body)
      const { user } = acceptedEnding(app, work, updated)
      setEtag(reply, user)
      return toManagedUser(user)
    })
  }

  app.route({
    method: 'PATCH',
    url: '/user/:id',
    schema: updateUserSchema,
    config: { scope: 'accounts:write', idempotencyKey: true },
    handler: updateUser,
  })
}) satisfies FastifyPluginAsyncTypebox
