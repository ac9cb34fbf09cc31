import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import * as tokens from '../../db/queries/tokens.ts'
import * as users from '../../db/queries/users.ts'
import { workOf } from '../../plugins/connections/work.ts'
import { errors } from '../../plugins/errors/errors.ts'
import { errorResponses, links, successHeaders } from '../../plugins/openapi/declarations.ts'
import { changeTo } from '../common/change.ts'
import type { Handler } from '../common/handler.ts'
import { idAt, PageQuery, readPage } from '../common/pages.ts'
import { accepted } from '../common/refusals.ts'
import { IdParams, Message, PathId, ref } from '../common/schemas.ts'
import { newToken, newTokenResponse } from './new-token.ts'
import { IssuedToken, TokenPage, TokenRequest, toToken } from './schemas.ts'
import type { TokensOptions } from './tokens.ts'

const tags = ['Administration']
const URL = '/users/:id/tokens'

const createServiceTokenSchema = {
  operationId: 'createServiceToken',
  tags,
  summary: 'Create a token of a service account',
  description:
    'Only this response contains the token. It acts with the current role of the service account until it expires, is ended, or the account is disabled.',
  params: IdParams,
  body: ref(TokenRequest),
  response: {
    200: ref(IssuedToken),
    ...links({
      listUserTokens: { id: '$request.path.id' },
      endUserToken: { id: '$request.path.id', tokenId: '$response.body#/id' },
    }),
    ...errorResponses('USER_NOT_FOUND', 'NOT_A_SERVICE', 'ACCOUNT_DISABLED', 'TOKEN_LIMIT'),
  },
}

const listUserTokensSchema = {
  operationId: 'listUserTokens',
  tags,
  summary: 'List the tokens of an account',
  description: 'Newest first.',
  params: IdParams,
  querystring: PageQuery,
  response: {
    200: ref(TokenPage),
    ...successHeaders('Link'),
    ...errorResponses('USER_NOT_FOUND'),
  },
}

const endUserTokenSchema = {
  operationId: 'endUserToken',
  tags,
  summary: 'End a token of an account',
  description: 'Takes effect on the next request with it.',
  params: Type.Object({ id: PathId, tokenId: PathId }),
  response: { 200: ref(Message), ...errorResponses('USER_NOT_FOUND', 'TOKEN_NOT_FOUND') },
}

/** `POST /users/{id}/tokens`, for admins with a session: a limited token must not make a stronger one. */
export const serviceTokenCreation: FastifyPluginAsyncTypebox<TokensOptions> = async (
  app,
  { maxPerUser },
) => {
  const createServiceToken: Handler<typeof createServiceTokenSchema> = async (request, reply) => {
    const token = newToken(app.tokenFormat, request.body)
    const change = changeTo(request, Number(request.params.id))
    const rules = { maxTokens: maxPerUser, onlyForServices: true }
    return app.idempotency.change(request, reply, async ({ db }) => {
      const created = await tokens.create(db, change, token, rules)
      return newTokenResponse(accepted(created).token, token.secret)
    })
  }

  app.route({
    method: 'POST',
    url: URL,
    schema: createServiceTokenSchema,
    config: { scope: 'no-token', idempotencyKey: true },
    handler: createServiceToken,
  })
}

/** `GET /users/{id}/tokens` and `DELETE /users/{id}/tokens/{tokenId}`, for admins. */
export const userTokens: FastifyPluginAsyncTypebox = async (app) => {
  const listUserTokens: Handler<typeof listUserTokensSchema> = async (request, reply) => {
    const { db } = workOf(reply)
    const id = Number(request.params.id)
    if (!(await users.find(db, id))) throw new errors.USER_NOT_FOUND()
    return readPage(request, reply, {
      name: `tokens ${id}`,
      find: (position, limit) => tokens.list(db, id, { before: idAt(position), limit }),
      positionOf: (token) => token.id,
      toItem: toToken,
    })
  }

  const endUserToken: Handler<typeof endUserTokenSchema> = async (request, reply) => {
    const { id, tokenId } = request.params
    if (!(await users.find(workOf(reply).db, Number(id)))) throw new errors.USER_NOT_FOUND()
    const change = changeTo(request, Number(id))
    return app.idempotency.change(request, reply, async ({ db }) => {
      const result = await tokens.end(db, change, Number(tokenId))
      accepted(result, () => new errors.TOKEN_NOT_FOUND())
      return { message: 'Token ended.' }
    })
  }

  app.route({
    method: 'GET',
    url: URL,
    schema: listUserTokensSchema,
    config: { scope: 'tokens' },
    handler: listUserTokens,
  })
  app.route({
    method: 'DELETE',
    url: `${URL}/:tokenId`,
    schema: endUserTokenSchema,
    config: { scope: 'tokens', idempotencyKey: true },
    handler: endUserToken,
  })
}
