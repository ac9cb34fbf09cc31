import { randomBytes } from 'node:crypto'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from '@sinclair/typebox'
import {
  createToken as addToken,
  endToken as endOne,
  listTokens as findTokens,
  type TokenRecord,
} from '../../db/queries/tokens.ts'
import { actorOf } from '../../plugins/auth.ts'
import { errors } from '../../plugins/errors/errors.ts'
import { changeToOwn } from '../common/change.ts'
import type { Handler } from '../common/handler.ts'
import { idAt, PageQuery, page, readPage } from '../common/pages.ts'
import { permitted } from '../common/refusals.ts'
import { closedObject, Id, IdParams, Message, Moment, nullable, ref } from '../common/schemas.ts'

const TOKEN_BYTES = 32
const MAX_LIFETIME_MS = 10 * 365 * 24 * 60 * 60 * 1_000

/** No control characters, and none that turn the direction of text; as every dialect has it. */
const NAME = '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069\\ufeff]+$'

const tags = ['Tokens']

const TokenName = Type.String({ minLength: 1, maxLength: 100, examples: ['nightly job'] })

export const Token = Type.Object(
  {
    id: Id,
    name: TokenName,
    createdAt: Moment,
    expiresAt: nullable(Moment),
    lastUsedAt: nullable(Moment),
  },
  { $id: 'Token', description: 'A token for a machine, without what opens anything' },
)

export const NewToken = Type.Object(
  {
    ...Token.properties,
    token: Type.String({ pattern: '^gh_[A-Za-z0-9_-]{43}$', minLength: 46, maxLength: 46 }),
  },
  { $id: 'NewToken', description: 'The only answer that ever holds the token itself' },
)

export const TokenRequest = closedObject(
  {
    name: { ...TokenName, pattern: NAME, description: 'without control characters' },
    expiresAt: Type.Optional({
      ...Moment,
      description: 'in the future, ten years at most; without it, the token does not expire',
      examples: ['2030-01-01T00:00:00Z'],
    }),
  },
  { $id: 'TokenRequest', description: 'The token to be' },
)

export const TokenPage = page('TokenPage', Token)

const createTokenSchema = {
  operationId: 'createToken',
  tags,
  summary: 'Make a token',
  description:
    'The token is in this answer alone. It acts with the role that its owner has at the moment, until it is ended or expires.',
  body: ref(TokenRequest),
  response: { 200: ref(NewToken) },
}

const listTokensSchema = {
  operationId: 'listTokens',
  tags,
  summary: 'List your tokens',
  description: 'Newest first.',
  querystring: PageQuery,
  response: { 200: ref(TokenPage) },
}

const endTokenSchema = {
  operationId: 'endToken',
  tags,
  summary: 'End a token',
  description: 'One of your own: it opens nothing from the next request on.',
  params: IdParams,
  response: { 200: ref(Message) },
}

/** `POST`, `GET /tokens` and `DELETE /tokens/{id}`: one's own. The scope asks for a session. */
export default (async (app) => {
  const createToken: Handler<typeof createTokenSchema> = async (request) => {
    const { name, expiresAt } = request.body
    if (!name.isWellFormed()) {
      throw new errors.VALIDATION_FAILED().at('body.name', 'must be well-formed Unicode')
    }
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
  app.route({
    method: 'GET',
    url: '/tokens',
    config: { successHeaders: ['link'] },
    schema: listTokensSchema,
    handler: listTokens,
  })
  app.route({
    method: 'DELETE',
    url: '/tokens/:id',
    config: { errors: ['TOKEN_NOT_FOUND'] },
    schema: endTokenSchema,
    handler: endToken,
  })
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
