import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from '@sinclair/typebox'
import {
  deleteUser as deleteAccount,
  listUsers as findUsers,
  type ManagedUserRecord,
  updateUser as updateAccount,
} from '../../db/queries/users.ts'
import { DOCUMENTED_AS } from '../../plugins/openapi/documented-as.ts'
import { changeTo } from '../common/change.ts'
import { setEtag } from '../common/entity-tags.ts'
import type { Handler } from '../common/handler.ts'
import { page, pageParameters, readPage } from '../common/pages.ts'
import { permitted } from '../common/refusals.ts'
import {
  closedObject,
  IdParams,
  ManagedUser,
  Message,
  Role,
  ref,
  stringEnum,
  toUser,
} from '../common/schemas.ts'

const tags = ['Administration']

export const ManagedUserPage = page('ManagedUserPage', ManagedUser)

export const UserChange = closedObject(
  { role: Type.Optional(ref(Role)), disabled: Type.Optional(Type.Boolean()) },
  { $id: 'UserChange', description: 'What is to be set: at least one', minProperties: 1 },
)

const listUsersSchema = {
  operationId: 'listUsers',
  tags,
  summary: 'List accounts',
  description: 'In the order of their names, without regard to case.',
  querystring: closedObject({
    ...pageParameters,
    prefix: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 80,
        pattern: '^[!-~]*$',
        description: 'what the name begins with, in any case',
      }),
    ),
    role: Type.Optional(ref(Role)),
    disabled: Type.Optional(
      stringEnum(['true', 'false'], {
        [DOCUMENTED_AS]: Type.Boolean({
          description: 'only accounts that are, or are not, disabled',
        }),
      }),
    ),
  }),
  response: { 200: ref(ManagedUserPage) },
}

const updateUserSchema = {
  operationId: 'updateUser',
  tags,
  summary: 'Change the role or the state of an account',
  description:
    'It holds from the very next request of that account on. Disabling ends its sessions and tokens.',
  params: IdParams,
  body: ref(UserChange),
  response: { 200: ref(ManagedUser) },
}

const deleteUserSchema = {
  operationId: 'deleteUser',
  tags,
  summary: 'Delete an account',
  description: 'With its sessions and tokens. The audit trail keeps what it tells of it.',
  params: IdParams,
  response: { 200: ref(Message) },
}

const changeErrors = ['USER_NOT_FOUND', 'OWN_ACCOUNT', 'PRECONDITION_FAILED'] as const

/** `GET /users`, `PATCH` and `DELETE /user/{id}`: the scope asks for an admin. */
export default (async (app) => {
  const listUsers: Handler<typeof listUsersSchema> = async (request, reply) => {
    const { prefix, role, disabled } = request.query
    const filter = {
      prefix,
      role,
      disabled: disabled === undefined ? undefined : disabled === 'true',
    }
    return readPage(request, reply, {
      name: 'users',
      find: (afterKey, limit) => findUsers(app.db, { ...filter, afterKey, limit }),
      positionOf: ({ username }) => username.toLowerCase(),
      toItem: toManagedUser,
    })
  }

  const updateUser: Handler<typeof updateUserSchema> = async (request, reply) => {
    const change = changeTo(request, Number(request.params.id))
    const user = permitted(await updateAccount(app.db, change, request.body))
    setEtag(reply, user)
    return toManagedUser(user)
  }

  const deleteUser: Handler<typeof deleteUserSchema> = async (request) => {
    permitted(await deleteAccount(app.db, changeTo(request, Number(request.params.id))))
    return { message: 'User deleted.' }
  }

  app.route({
    method: 'GET',
    url: '/users',
    config: { successHeaders: ['link'] },
    schema: listUsersSchema,
    handler: listUsers,
  })
  app.route({
    method: 'PATCH',
    url: '/user/:id',
    config: {
      condition: 'if-match',
      errors: changeErrors,
      successHeaders: ['etag'],
    },
    schema: updateUserSchema,
    handler: updateUser,
  })
  app.route({
    method: 'DELETE',
    url: '/user/:id',
    config: { condition: 'if-match', errors: changeErrors },
    schema: deleteUserSchema,
    handler: deleteUser,
  })
}) satisfies FastifyPluginAsyncTypebox

function toManagedUser(user: ManagedUserRecord): Static<typeof ManagedUser> {
  return { ...toUser(user), disabled: user.disabled }
}
