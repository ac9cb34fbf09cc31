import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { UserRecord } from '../../db/queries/users.ts'
import { actorOf, targetOf } from '../../plugins/auth/auth.ts'
import { errors } from '../../plugins/errors/errors.ts'
import { errorResponses, notModified } from '../../plugins/openapi/declarations.ts'
import { hasVersion, setEtag } from '../common/entity-tags.ts'
import type { Handler } from '../common/handler.ts'
import { IdParams, ref } from '../common/schemas.ts'
import { toUser, User } from './schemas.ts'

const getMeSchema = {
  operationId: 'getMe',
  tags: ['Accounts'],
  summary: 'Read your own account',
  description: 'The account whose session or token the request has, in its current state.',
  response: { 200: ref(User), ...notModified() },
}

const getUserSchema = {
  operationId: 'getUser',
  tags: ['Accounts'],
  summary: 'Read an account',
  description: 'Every signed-in user may read every account.',
  params: IdParams,
  response: { 200: ref(User), ...notModified(), ...errorResponses('USER_NOT_FOUND') },
}

/** `GET /me` and `GET /user/{id}`, for signed-in users. */
export default (async (app) => {
  const getMe: Handler<typeof getMeSchema> = async (request, reply) =>
    answer(request, reply, actorOf(request))

  const getUser: Handler<typeof getUserSchema> = async (request, reply) => {
    const user = targetOf(request)
    if (!user) throw new errors.USER_NOT_FOUND()
    return answer(request, reply, user)
  }

  app.route({
    method: 'GET',
    url: '/me',
    schema: getMeSchema,
    config: { scope: 'any' },
    handler: getMe,
  })
  app.route({
    method: 'GET',
    url: '/user/:id',
    config: { scope: 'accounts:read', wantsTarget: true },
    schema: getUserSchema,
    handler: getUser,
  })
}) satisfies FastifyPluginAsyncTypebox

function answer(request: FastifyRequest, reply: FastifyReply, user: UserRecord) {
  setEtag(reply, user)
  if (!hasVersion(request, user)) return toUser(user)
  reply.code(304)
  // Fastify computes the length for HEAD from the body, which must be that of the 200 (RFC 9110 8.6).
  return request.method === 'HEAD' ? toUser(user) : reply.send()
}
