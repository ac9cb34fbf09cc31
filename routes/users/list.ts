import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import * as userList from '../../db/queries/user-list.ts'
import { workOf } from '../../plugins/connections/work.ts'
import { successHeaders } from '../../plugins/openapi/declarations.ts'
import { DOCUMENTED_AS } from '../../plugins/openapi/documented-as.ts'
import type { Handler } from '../common/handler.ts'
import { pageParameters, readPage } from '../common/pages.ts'
import { closedObject, ref, stringEnum } from '../common/schemas.ts'
import { AccountKind, ManagedUserPage, PRINTABLE, Role, toManagedUser } from './schemas.ts'

const listUsersSchema = {
  operationId: 'listUsers',
  tags: ['Administration'],
  summary: 'List accounts',
  description: 'Ordered by username, case-insensitive.',
  querystring: closedObject({
    ...pageParameters,
    prefix: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 80,
        pattern: PRINTABLE,
        description: 'what the username begins with, case-insensitive',
      }),
    ),
    role: Type.Optional(ref(Role)),
    kind: Type.Optional(ref(AccountKind)),
    disabled: Type.Optional(
      stringEnum(['true', 'false'], {
        [DOCUMENTED_AS]: Type.Boolean({
          description: 'only accounts that are, or are not, disabled',
        }),
      }),
    ),
  }),
  response: { 200: ref(ManagedUserPage), ...successHeaders('Link') },
}

/** `GET /users`, for admins. */
export default (async (app) => {
  const listUsers: Handler<typeof listUsersSchema> = async (request, reply) => {
    const { db } = workOf(reply)
    const { prefix, role, kind, disabled } = request.query
    const filter = {
      prefix,
      role,
      kind,
      disabled: disabled === undefined ? undefined : disabled === 'true',
    }
    return readPage(request, reply, {
      name: 'users',
      find: (after, limit) => userList.listUsers(db, { ...filter, after, limit }),
      positionOf: ({ username }) => username,
      toItem: toManagedUser,
    })
  }

  app.route({
    method: 'GET',
    url: '/users',
    schema: listUsersSchema,
    config: { scope: 'accounts:read' },
    handler: listUsers,
  })
}) satisfies FastifyPluginAsyncTypebox
