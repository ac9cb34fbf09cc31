import formbody from '@fastify/formbody'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Static } from '@sinclair/typebox'
import type { InspectedCredential, Inspection } from '../../db/lookups/inspections.ts'
import { mayComeFrom } from '../../plugins/auth/scopes.ts'
import { errorResponses } from '../../plugins/openapi/declarations.ts'
import type { Handler } from '../common/handler.ts'
import { ref } from '../common/schemas.ts'
import {
  Introspection,
  IntrospectionBatch,
  IntrospectionBatchRequest,
  IntrospectionRequest,
} from './schemas.ts'

const tags = ['Introspection']
const INACTIVE = { active: false }

const introspectSchema = {
  operationId: 'introspect',
  tags,
  summary: 'Inspect a credential',
  description:
    'For other services (RFC 7662). `active` is false for a credential that is unknown, has ended or belongs to a disabled account.',
  consumes: ['application/x-www-form-urlencoded'],
  body: ref(IntrospectionRequest),
  response: { 200: ref(Introspection), ...errorResponses() },
}

const introspectBatchSchema = {
  operationId: 'introspectBatch',
  tags,
  summary: 'Inspect up to 100 credentials',
  description: 'The results are in the order of the credentials.',
  body: ref(IntrospectionBatchRequest),
  response: { 200: ref(IntrospectionBatch), ...errorResponses() },
}

/** `POST /introspect` and `POST /introspect/batch`, for tokens with the scope `introspect`. */
export default (async (app) => {
  /** @returns undefined if the text can be neither a token nor the value of a session cookie */
  function recognise(text: string): InspectedCredential | undefined {
    const token = app.tokenFormat.read(text)
    if (token) return { token: token.digest }
    const session = app.sessionCookie.readValue(text)
    return session === undefined ? undefined : { session }
  }

  async function inspect({ token, address }: { token: string; address?: string | undefined }) {
    const credential = recognise(token)
    const found = credential && (await app.inspections.find(credential))
    if (!found || !mayComeFrom(found, address)) return INACTIVE
    app.lastUsed.note(found)
    return describe(found)
  }

  const introspect: Handler<typeof introspectSchema> = async (request) => inspect(request.body)

  const introspectBatch: Handler<typeof introspectBatchSchema> = async (request) => {
    return { results: await Promise.all(request.body.credentials.map(inspect)) }
  }

  const config = { scope: 'introspect' } as const
  await app.register(async (scope) => {
    await scope.register(formbody)
    scope.route({
      method: 'POST',
      url: '/introspect',
      schema: introspectSchema,
      config,
      handler: introspect,
    })
  })
  app.route({
    method: 'POST',
    url: '/introspect/batch',
    schema: introspectBatchSchema,
    config,
    handler: introspectBatch,
  })
}) satisfies FastifyPluginAsyncTypebox

function describe(found: Inspection): Static<typeof Introspection> {
  const { kind, userId, username, role, accountKind, scopes, createdAt, expiresAt } = found
  return {
    active: true,
    sub: String(userId),
    username,
    role,
    kind: accountKind,
    ...(scopes && { scope: scopes.join(' ') }),
    token_type: kind === 'token' ? 'Bearer' : 'session',
    iat: createdAt,
    ...(expiresAt !== undefined && { exp: expiresAt }),
    ...(accountKind === 'service' && { client_id: username }),
  }
}
