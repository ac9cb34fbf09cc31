import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { UserRecord } from '../../db/queries/users.ts'
import { actorOf } from '../../plugins/auth.ts'
import { errors } from '../../plugins/errors/errors.ts'
import { hasVersion, setEtag } from '../common/entity-tags.ts'
import type { Handler } from '../common/handler.ts'
import { IdParams, ref, toUser, User } from '../common/schemas.ts'

const getMeSchema = {
  operationId: 'getMe',
  tags: ['Accounts'],
  summary: 'Read your own account',
  description: 'Tells whose session or token the request came with, as the database has it now.',
  response: { 200: ref(User) },
}

const getUserSchema = {
  operationId: 'getUser',
  tags: ['Accounts'],
  summary: 'Read an account',
  description: 'Any account, for anybody who is signed in.',
  params: IdParams,
  response: { 200: ref(User) },
}

/** `GET /me` and `GET /user/{id}`: their scope asks for a session. */
export default (async (app) => {
  const getMe: Handler<typeof getMeSchema> = async (request, reply) =>
    answer(request, reply, actorOf(request))

  const getUser: Handler<typeof getUserSchema> = async (request, reply) => {
    const user = await request.target
    if (!user) throw new errors.USER_NOT_FOUND()
    return answer(request, reply, user)
  }

  app.route({
    method: 'GET',
    url: '/me',
    config: { isBounded: true, condition: 'if-none-match' },
    schema: getMeSchema,
    handler: getMe,
  })
  app.route({
    method: 'GET',
    url: '/user/:id',
    config: {
      isBounded: true,
      wantsTarget: true,
      condition: 'if-none-match',
      errors: ['USER_NOT_FOUND'],
    },
    schema: getUserSchema,
    handler: getUser,
  })
}) satisfies FastifyPluginAsyncTypebox

function answer(request: FastifyRequest, reply: FastifyReply, user: UserRecord) {
  setEtag(reply, user)
  if (!hasVersion(request, user)) return toUser(user)
  reply.code(304)
  // Fastify takes the length that it tells of a HEAD from the body: that of the 200 (RFC 9110 8.6).
  return request.method === 'HEAD' ? toUser(user) : reply.send()
}
