import swagger, { type FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import type { TSchema } from '@sinclair/typebox'
import type { FastifySchema, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import type { OpenAPIV3, OpenAPIV3_1 } from 'openapi-types'
import type { ErrorCode } from '../errors/errors.ts'
import { DOCUMENTED_AS } from './documented-as.ts'
import { type HeaderName, headers } from './headers.ts'
import { conditionParameter, errorCodesOf, errorResponses, successResponses } from './responses.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The document for generators that don't know OpenAPI 3.1; `swagger()` is the other. */
    swagger30(): OpenAPIV3.Document
  }
  interface FastifyContextConfig {
    /** What may be refused by this operation in particular, for the document. */
    errors?: readonly ErrorCode[]
    /** By which header a request may be bound to a version of the account. */
    condition?: 'if-none-match' | 'if-match'
    /** What a success may come with besides the headers that all answers have. */
    successHeaders?: readonly HeaderName[]
  }
}

const TAGS = {
  Accounts: 'Register, read, and change a password',
  Sessions: 'Log in and out, see and end sessions',
  Tokens:
    'For machines: `Authorization: Bearer gh_…` works wherever the cookie does, except here and for a change of password',
  Administration: 'For admins: accounts, their sessions, and the audit trail',
  Health: 'For load balancers and supervisors',
}

type Version = '3.1.0' | '3.0.3'

export interface OpenapiOptions {
  /** Of the service, by semantic versioning: a client of 1.0 works with any 1.x. */
  version: string
  /** Of the session cookie. */
  cookieName: string
}

/**
 * Makes the OpenAPI document of the routes that are registered after it, in 3.1 (`swagger()`) and
 * in 3.0 (`swagger30()`): what their schemas and configurations say, and what holds for all. A
 * route without an `operationId` isn't in it.
 */
export default fp<OpenapiOptions>(
  async (app, options) => {
    await app.register(swagger, documentOptions('3.1.0', options))
    await app.register(swagger, {
      ...documentOptions('3.0.3', options),
      decorator: 'swagger30' as 'swagger', // the type knows the default's name alone
    })
  },
  { name: 'openapi', dependencies: ['components'] },
)

function documentOptions(
  openapi: Version,
  { version, cookieName }: OpenapiOptions,
): FastifyDynamicSwaggerOptions {
  const routes = new Map<string, RouteOptions>()
  return {
    openapi: {
      openapi,
      info: {
        title: 'Gatehouse',
        version,
        description:
          'User accounts, sessions and roles. JSON in, JSON out; each error has the one shape `Error`, and a `code` of a closed list.',
        contact: { name: 'The developers of Gatehouse' },
        license: { name: 'MIT', url: 'https://opensource.org/license/mit' },
      },
      servers: [{ url: '/', description: 'The server that this document comes from' }],
      tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
      components: {
        headers,
        securitySchemes: {
          session: {
            type: 'apiKey',
            in: 'cookie',
            name: cookieName,
            description: 'The cookie that `POST /login` sets',
          },
          token: {
            type: 'http',
            scheme: 'bearer',
            description: 'A token that `POST /tokens` has made',
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
      if (!('openapiObject' in document)) throw new Error('this is no OpenAPI 3 document')
      const { openapiObject } = document
      const responses = {}
      for (const operation of operationsOf(openapiObject)) {
        const route = routes.get(operation.operationId ?? '')
        if (route) completeResponses(operation, route, responses)
      }
      Object.assign(openapiObject.components ?? {}, { responses })
      return withMeanings(openapiObject, openapi)
    },
  }
}

/** An empty list says that anybody may. */
function withSecurity({ security = [], ...schema }: FastifySchema): FastifySchema {
  return { ...schema, security }
}

function operationsOf({ paths }: Partial<OpenAPIV3.Document | OpenAPIV3_1.Document>) {
  return Object.values(paths ?? {}).flatMap(
    (item) => Object.values(item ?? {}) as OpenAPIV3.OperationObject[], // our paths hold no more
  )
}

function completeResponses(
  operation: OpenAPIV3.OperationObject,
  route: RouteOptions,
  components: Record<string, OpenAPIV3.ResponseObject>,
): void {
  const codes = errorCodesOf(route)
  const condition = route.config?.condition
  if (condition) {
    operation.parameters = [...(operation.parameters ?? []), conditionParameter(condition)]
  }
  Object.assign(operation, { 'x-error-codes': codes })
  operation.responses = {
    ...successResponses(operation.responses[200], route.config ?? {}),
    ...errorResponses(codes, components),
  }
}

/** @returns a copy in which what stands for something else is replaced by that */
function withMeanings<Node>(node: Node, version: Version): Node {
  if (Array.isArray(node)) return node.map((item) => withMeanings(item, version)) as Node
  if (typeof node !== 'object' || node === null) return node
  if (DOCUMENTED_AS in node) return asSchema(node[DOCUMENTED_AS] as TSchema, version) as Node
  return Object.fromEntries(
    Object.entries(node).map(([key, value]) => [key, withMeanings(value, version)]),
  ) as Node
}

/** OpenAPI 3.0 knows one example alone. */
function asSchema({ examples, ...schema }: TSchema, version: Version) {
  if (examples === undefined) return schema
  return version === '3.1.0' ? { ...schema, examples } : { ...schema, example: examples[0] }
}
