import swagger, { type FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import type { TSchema } from '@sinclair/typebox'
import type { FastifySchema, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import type { OpenAPIV3, OpenAPIV3_1 } from 'openapi-types'
import { isOwnScope } from '../auth/scopes.ts'
import { DOCUMENTED_AS } from './documented-as.ts'
import { type HeaderName, headers } from './headers.ts'
import {
  conditionsOf,
  describeErrors,
  describeSuccess,
  errorCodesOf,
  idempotencyKeyOf,
  UNEXPECTED_ERROR,
} from './responses.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The document for generators that don't support OpenAPI 3.1, which `swagger()` returns. */
    swagger30(): OpenAPIV3.Document
  }
}

const TAGS = {
  Accounts: 'Register, read, and change a password',
  Sessions: 'Log in and out, list and end sessions',
  Tokens:
    'For machine clients: `Authorization: Bearer gh_…` works wherever the cookie does, except on these operations and on a change of password',
  Introspection: 'For other services: who a credential belongs to',
  Administration: 'For admins: accounts, their sessions, and the audit trail',
  Health: 'What this server is, and whether it can serve',
}

type Version = '3.1.0' | '3.0.3'

export interface OpenapiOptions {
  /** The version of the service, by semantic versioning: a client made for 1.0 works with any 1.x. */
  version: string
  /** The name of the session cookie. */
  cookieName: string
  /** Whether any response can set the session cookie, in exchange for a Flask cookie. */
  exchangesCookies: boolean
}

/**
 * Makes the OpenAPI document from the schemas of the routes that are registered after it, in
 * version 3.1 (`swagger()`) and 3.0 (`swagger30()`). It adds what every operation has in common,
 * and leaves out routes without an `operationId`.
 */
export default fp<OpenapiOptions>(
  async (app, options) => {
    await app.register(swagger, documentOptions('3.1.0', options))
    await app.register(swagger, {
      ...documentOptions('3.0.3', options),
      decorator: 'swagger30' as 'swagger', // the type allows the default name only
    })
  },
  { name: 'openapi', dependencies: ['components'] },
)

function documentOptions(
  openapi: Version,
  { version, cookieName, exchangesCookies }: OpenapiOptions,
): FastifyDynamicSwaggerOptions {
  const routes = new Map<string, RouteOptions>()
  const everywhere: HeaderName[] = exchangesCookies ? ['Set-Cookie'] : []
  return {
    openapi: {
      openapi,
      info: {
        title: 'Gatehouse',
        version,
        description:
          'User accounts, sessions and roles. JSON in, JSON out. Every error has the shape `ApiError` and a `code` from a closed list.',
        contact: { name: 'The developers of Gatehouse' },
        license: { name: 'MIT', url: 'https://opensource.org/license/mit' },
      },
      servers: [{ url: '/', description: 'The server that serves this document' }],
      tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
      components: {
        headers,
        securitySchemes: {
          sessionCookie: {
            type: 'apiKey',
            in: 'cookie',
            name: cookieName,
            description: 'The cookie that `POST /login` sets',
          },
          bearerToken: {
            type: 'http',
            scheme: 'bearer',
            description: 'A token made by `POST /tokens`',
          },
        },
      },
    },
    refResolver: { buildLocalReference: ({ $id }) => String($id) },
    transform({ schema, url, route }) {
      if (schema?.operationId === undefined || schema.hide) {
        return { schema: { ...schema, hide: true }, url }
      }
      routes.set(schema.operationId, route)
      return { schema: withSecurity(schema), url }
    },
    transformObject(document) {
      if (!('openapiObject' in document)) throw new Error('This is not an OpenAPI 3 document')
      const { openapiObject } = document
      const responses = { UnexpectedError: UNEXPECTED_ERROR }
      for (const operation of operationsOf(openapiObject)) {
        const route = routes.get(operation.operationId ?? '')
        if (route) completeResponses(operation, route, responses, everywhere)
      }
      Object.assign(openapiObject.components ?? {}, { responses })
      return withDocumented(openapiObject, openapi)
    },
  }
}

/** An empty list means that anyone may call the operation. */
function withSecurity({ security = [], ...schema }: FastifySchema): FastifySchema {
  return { ...schema, security }
}

function operationsOf({ paths }: Partial<OpenAPIV3.Document | OpenAPIV3_1.Document>) {
  return Object.values(paths ?? {}).flatMap(
    (item) => Object.values(item ?? {}) as OpenAPIV3.OperationObject[], // our paths hold operations only
  )
}

function completeResponses(
  operation: OpenAPIV3.OperationObject,
  route: RouteOptions,
  components: Record<string, OpenAPIV3.ResponseObject>,
  everywhere: HeaderName[],
): void {
  const codes = errorCodesOf(route)
  const requestHeaders = [...conditionsOf(route), ...idempotencyKeyOf(route)]
  if (requestHeaders.length > 0) {
    operation.parameters = [...(operation.parameters ?? []), ...requestHeaders]
  }
  const { scope, idempotencyKey } = route.config ?? {}
  const isGuarded = (operation.security ?? []).length > 0
  if (isGuarded && isOwnScope(scope)) {
    operation.description += ` A limited token needs the scope \`${scope}\`.`
    Object.assign(operation, { 'x-required-scope': scope })
  }
  Object.assign(operation, { 'x-error-codes': codes })
  operation.responses = {
    ...describeSuccess(operation.responses[200], route, everywhere),
    ...describeErrors(codes, components, everywhere, idempotencyKey),
    default: { $ref: '#/components/responses/UnexpectedError' },
  }
}

/** @returns a copy in which each schema with the keyword `DOCUMENTED_AS` is replaced by its value */
function withDocumented<Node>(node: Node, version: Version): Node {
  if (Array.isArray(node)) return node.map((item) => withDocumented(item, version)) as Node
  if (typeof node !== 'object' || node === null) return node
  if (DOCUMENTED_AS in node) return asSchema(node[DOCUMENTED_AS] as TSchema, version) as Node
  return Object.fromEntries(
    Object.entries(node).map(([key, value]) => [key, withDocumented(value, version)]),
  ) as Node
}

/** OpenAPI 3.0 has `example` where 3.1 has `examples`. */
function asSchema({ examples, ...schema }: TSchema, version: Version) {
  if (examples === undefined) return schema
  return version === '3.1.0' ? { ...schema, examples } : { ...schema, example: examples[0] }
}
