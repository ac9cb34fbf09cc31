import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Static } from '@sinclair/typebox'
import type { InspectedCredential, Inspection } from '../../db/lookups/inspections.ts'
import { mayComeFrom } from '../../plugins/auth/scopes.ts'
import formBody from '../../plugins/bodies/form-body.ts'
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

interface Sent {
  token: string
  /** Where the credential came from, if it is known. */
  address?: string
}

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
    const token = app.tokenFormat.digestOf(text)
    if (token !== undefined) return { token }
    const session = app.sessionCookie.readValue(text)
    return session === undefined ? undefined : { session }
  }

  async function inspect(
    request: object,
    sent: readonly Sent[],
  ): Promise<Static<typeof Introspection>[]> {
    const credentials = sent.map(({ token }) => recognise(token))
    const found = await app.inspections.find(credentials, request)
    return found.map((inspection, index) => {
      if (!inspection || !mayComeFrom(inspection, sent[index]?.address)) return INACTIVE
      app.lastUsed.note(inspection)
      return describe(inspection)
    })
  }

  const introspect: Handler<typeof introspectSchema> = async (request) => {
    const [result = INACTIVE] = await inspect(request, [request.body])
    return result
  }

  const introspectBatch: Handler<typeof introspectBatchSchema> = async (request) => {
    return { results: await inspect(request, request.body.credentials) }
  }

  const config = { scope: 'introspect' } as const
  await app.register(async (scope) => {
    // RFC 7662 2.1
    await scope.register(formBody, { parameters: Object.keys(IntrospectionRequest.properties) })
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
