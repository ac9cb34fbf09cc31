import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import * as users from '../../db/queries/users.ts'
import { errorResponses } from '../../plugins/openapi/declarations.ts'
import { changeTo } from '../common/change.ts'
import { wantedVersions } from '../common/entity-tags.ts'
import type { Handler } from '../common/handler.ts'
import { acceptedEnding } from '../common/refusals.ts'
import { IdParams, Message, ref } from '../common/schemas.ts'

const deleteUserSchema = {
  operationId: 'deleteUser',
  tags: ['Administration'],
  summary: 'Delete an account',
  description: 'Also deletes its sessions and tokens. The audit trail keeps its events.',
  params: IdParams,
  response: {
    200: ref(Message),
    ...errorResponses('USER_NOT_FOUND', 'OWN_ACCOUNT', 'LAST_ADMIN', 'PRECONDITION_FAILED'),
  },
}

/** `DELETE /user/{id}`, for admins. */
export default (async (app) => {
  const deleteUser: Handler<typeof deleteUserSchema> = async (request, reply) => {
    const change = changeTo(request, Number(request.params.id), wantedVersions(request))
    return app.idempotency.change(request, reply, async (work) => {
      acceptedEnding(app, work, await users.remove(work.db, change))
      return { message: 'User deleted.' }
    })
  }

  app.route({
    method: 'DELETE',
    url: '/user/:id',
    schema: deleteUserSchema,
    config: { scope: 'accounts:write', idempotencyKey: true },
    handler: deleteUser,
  })
}) satisfies FastifyPluginAsyncTypebox
