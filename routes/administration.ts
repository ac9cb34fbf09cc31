import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from '@sinclair/typebox'
import {
  deleteUser as deleteAccount,
  listUsers as findUsers,
  type ManagedUserRecord,
  updateUser as updateAccount,
} from '../db/users.ts'
import { changeTo } from './change.ts'
import type { Handler } from './handler.ts'
import { permitted } from './outcome.ts'
import { page, pageParameters, readPage } from './paging.ts'
import {
  closedObject,
  IdParams,
  ManagedUser,
  Message,
  Role,
  responses,
  stringEnum,
  toUser,
} from './schemas.ts'

const listUsersSchema = {
  operationId: 'listUsers',
  querystring: closedObject({
    ...pageParameters,
    prefix: Type.Optional(Type.String({ pattern: '^[!-~]{1,80}$' })),
    role: Type.Optional(Role),
    disabled: Type.Optional(stringEnum(['true', 'false'])),
  }),
  response: responses(page(ManagedUser), 400, 401),
}

const updateUserSchema = {
  operationId: 'updateUser',
  params: IdParams,
  body: Type.Object(
    { role: Type.Optional(Role), disabled: Type.Optional(Type.Boolean()) },
    { additionalProperties: false, minProperties: 1 },
  ),
  response: responses(ManagedUser, 400, 401, 403, 404, 409, 413, 415),
}

const deleteUserSchema = {
  operationId: 'deleteUser',
  params: IdParams,
  response: responses(Message, 400, 401, 403, 404, 409, 413, 415),
}

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

  const updateUser: Handler<typeof updateUserSchema> = async (request) => {
    const change = changeTo(request, Number(request.params.id))
    return toManagedUser(permitted(await updateAccount(app.db, change, request.body)))
  }

  const deleteUser: Handler<typeof deleteUserSchema> = async (request) => {
    permitted(await deleteAccount(app.db, changeTo(request, Number(request.params.id))))
    return { message: 'User deleted.' }
  }

  app.route({ method: 'GET', url: '/users', schema: listUsersSchema, handler: listUsers })
  app.route({ method: 'PATCH', url: '/user/:id', schema: updateUserSchema, handler: updateUser })
  app.route({ method: 'DELETE', url: '/user/:id', schema: deleteUserSchema, handler: deleteUser })
}) satisfies FastifyPluginAsyncTypebox

function toManagedUser(user: ManagedUserRecord): Static<typeof ManagedUser> {
  return { ...toUser(user), disabled: user.disabled }
}
