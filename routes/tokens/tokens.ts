import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import * as tokens from '../../db/queries/tokens.ts'
import { actorOf } from '../../plugins/auth/auth.ts'
import { workOf } from '../../plugins/connections/work.ts'
import { errors } from '../../plugins/errors/errors.ts'
import { errorResponses, links, successHeaders } from '../../plugins/openapi/declarations.ts'
import { changeToOwn } from '../common/change.ts'
import type { Handler } from '../common/handler.ts'
import { idAt, PageQuery, readPage } from '../common/pages.ts'
import { accepted } from '../common/refusals.ts'
import { IdParams, Message, ref } from '../common/schemas.ts'
import { newToken, newTokenResponse } from './new-token.ts'
import { IssuedToken, TokenPage, TokenRequest, toToken } from './schemas.ts'

const tags = ['Tokens']

const createTokenSchema = {
  operationId: 'createToken',
  tags,
  summary: 'Create a token',
  description:
    'Only this response contains the token. The token acts with the current role of its owner until it expires or is ended. The number of tokens of an account is limited.',
  body: ref(TokenRequest),
  response: {
    200: ref(IssuedToken),
    ...links({ listTokens: {}, endToken: { id: '$response.body#/id' } }),
    ...errorResponses('TOKEN_LIMIT', 'NOT_PERMITTED'),
  },
}

const listTokensSchema = {
  operationId: 'listTokens',
  tags,
  summary: 'List your tokens',
  description: 'Newest first.',
  querystring: PageQuery,
  response: { 200: ref(TokenPage), ...successHeaders('Link') },
}

const endTokenSchema = {
  operationId: 'endToken',
  tags,
  summary: 'End a token',
  description: 'Takes effect on the next request with it.',
  params: IdParams,
  response: { 200: ref(Message), ...errorResponses('TOKEN_NOT_FOUND') },
}

export interface TokensOptions {
  /** How many tokens that have not expired an account may have. */
  maxPerUser: number
}

/** `POST` and `GET /tokens`, `DELETE /tokens/{id}`: the caller's own, by session only. */
export default (async (app, { maxPerUser }) => {
  const createToken: Handler<typeof createTokenSchema> = async (request, reply) => {
    const token = newToken(app.tokenFormat, request.body)
    if (token.scopes?.includes('introspect') && actorOf(request).role !== 'admin') {
      throw new errors.NOT_PERMITTED().at('body.scopes', 'only admins may grant introspect')
    }
    const change = changeToOwn(request)
    return app.idempotency.change(request, reply, async ({ db }) => {
      const created = await tokens.create(db, change, token, { maxTokens: maxPerUser })
      return newTokenResponse(accepted(created).token, token.secret)
    })
  }

  const listTokens: Handler<typeof listTokensSchema> = async (request, reply) => {
    const { db } = workOf(reply)
    const { id } = actorOf(request)
    return readPage(request, reply, {
      name: `tokens ${id}`,
      find: (position, limit) => tokens.list(db, id, { before: idAt(position), limit }),
      positionOf: (token) => token.id,
      toItem: toToken,
    })
  }

  const endToken: Handler<typeof endTokenSchema> = async (request, reply) => {
    const change = changeToOwn(request)
    return app.idempotency.change(request, reply, async ({ db }) => {
      const result = await tokens.end(db, change, Number(request.params.id))
      accepted(result, () => new errors.TOKEN_NOT_FOUND())
      return { message: 'Token ended.' }
    })
  }

  app.route({
    method: 'POST',
    url: '/tokens',
    schema: createTokenSchema,
    config: { scope: 'no-token', idempotencyKey: true },
    handler: createToken,
  })
  app.route({
    method: 'GET',
    url: '/tokens',
    schema: listTokensSchema,
    config: { scope: 'no-token' },
    handler: listTokens,
  })
  app.route({
    method: 'DELETE',
    url: '/tokens/:id',
    schema: endTokenSchema,
    config: { scope: 'no-token', idempotencyKey: true },
    handler: endToken,
  })
}) satisfies FastifyPluginAsyncTypebox<TokensOptions>
