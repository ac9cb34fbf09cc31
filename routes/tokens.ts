import { randomBytes } from 'node:crypto'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from '@sinclair/typebox'
import {
  createToken as addToken,
  endToken as endOne,
  listTokens as findTokens,
  type TokenRecord,
} from '../db/tokens.ts'
import { actorOf } from '../plugins/auth.ts'
import { errors } from '../plugins/errors.ts'
import { changeToOwn } from './change.ts'
import type { Handler } from './handler.ts'
import { permitted } from './outcome.ts'
import { idAt, PageQuery, page, readPage } from './paging.ts'
import { closedObject, Id, IdParams, Message, Moment, nullable, responses } from './schemas.ts'

const TOKEN_BYTES = 32
const MAX_LIFETIME_MS = 10 * 365 * 24 * 60 * 60 * 1_000

const Token = Type.Object({
  id: Id,
  name: Type.String(),
  createdAt: Moment,
  expiresAt: nullable(Moment),
  lastUsedAt: nullable(Moment),
})

/** The only answer that ever holds the token itself. */
const NewToken = Type.Object({ ...Token.properties, token: Type.String() })

const createTokenSchema = {
  operationId: 'createToken',
  body: closedObject({
    name: Type.String({ minLength: 1, maxLength: 100, pattern: '^[^\\p{C}]+$' }),
    expiresAt: Type.Optional(Type.String({ format: 'date-time', maxLength: 40 })),
  }),
  response: responses(NewToken, 400, 401, 403, 413, 415),
}

const listTokensSchema = {
  operationId: 'listTokens',
  querystring: PageQuery,
  response: responses(page(Token), 400, 401),
}

const endTokenSchema = {
  operationId: 'endToken',
  params: IdParams,
  response: responses(Message, 400, 401, 403, 404, 413, 415),
}

/** `POST`, `GET /tokens` and `DELETE /tokens/{id}`: one's own. The scope asks for a session. */
export default (async (app) => {
  const createToken: Handler<typeof createTokenSchema> = async (request) => {
    const { name, expiresAt } = request.body
    const secret = `gh_${randomBytes(TOKEN_BYTES).toString('base64url')}`
    const made = await addToken(app.db, changeToOwn(request), {
      secret,
      name,
      expiresAt: expiresAt === undefined ? undefined : futureMoment(expiresAt),
    })
    return { ...toToken(permitted(made)), token: secret }
  }

  const listTokens: Handler<typeof listTokensSchema> = async (request, reply) => {
    const { id } = actorOf(request)
    return readPage(request, reply, {
      name: `tokens ${id}`,
      find: (position, limit) => findTokens(app.db, id, { before: idAt(position), limit }),
      positionOf: (token) => token.id,
      toItem: toToken,
    })
  }

  const endToken: Handler<typeof endTokenSchema> = async (request) => {
    const outcome = await endOne(app.db, changeToOwn(request), Number(request.params.id))
    permitted(outcome, () => new errors.TOKEN_NOT_FOUND())
    return { message: 'Token ended.' }
  }

  app.route({ method: 'POST', url: '/tokens', schema: createTokenSchema, handler: createToken })
  app.route({ method: 'GET', url: '/tokens', schema: listTokensSchema, handler: listTokens })
  app.route({ method: 'DELETE', url: '/tokens/:id', schema: endTokenSchema, handler: endToken })
}) satisfies FastifyPluginAsyncTypebox

/** @throws VALIDATION_FAILED if the moment has passed, or is more than ten years ahead */
function futureMoment(text: string): Date {
  const moment = new Date(text)
  const aheadMs = moment.getTime() - Date.now()
  if (!(aheadMs > 0 && aheadMs <= MAX_LIFETIME_MS)) {
    throw new errors.VALIDATION_FAILED().at(
      'body.expiresAt',
      'must be in the future, ten years at most',
    )
  }
  return moment
}

function toToken({
  id,
  name,
  createdAt,
  expiresAt,
  lastUsedAt,
}: TokenRecord): Static<typeof Token> {
  return {
    id,
    name,
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt?.toISOString() ?? null,
    lastUsedAt: lastUsedAt?.toISOString() ?? null,
  }
}
