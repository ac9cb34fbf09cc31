import type { RouteOptions } from 'fastify'
import type { OpenAPIV3 } from 'openapi-types'
import { type ErrorCode, errors } from '../errors/errors.ts'
import type { HeaderName } from './headers.ts'

type Response = OpenAPIV3.ResponseObject | OpenAPIV3.ReferenceObject

const ON_ANY: HeaderName[] = [
  ...(['x-request-id', 'ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset'] as const),
]

/** Which headers come with a status besides. */
const BY_STATUS: Record<number, HeaderName[]> = {
  401: ['www-authenticate'],
  429: ['retry-after'],
  503: ['retry-after'],
}

const OF_ANY: ErrorCode[] = [
  ...(['BAD_REQUEST', 'REQUEST_TIMEOUT', 'HEADERS_TOO_LARGE', 'TOO_MANY_REQUESTS'] as const),
  ...(['INTERNAL_ERROR', 'SERVICE_UNAVAILABLE'] as const),
]
/** A body is read even where none is taken. */
const OF_BODIES: ErrorCode[] = [
  ...(['VALIDATION_FAILED', 'INVALID_JSON', 'BODY_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'] as const),
]

/** @returns every code that an operation can answer with, in the order of the list of errors */
export function errorCodesOf({ method, schema, config }: RouteOptions): ErrorCode[] {
  const isRead = method === 'GET'
  const isChange = !isRead || config?.changesState
  const hasInput = schema?.params ?? schema?.querystring
  const codes = new Set<string>([
    ...OF_ANY,
    ...(config?.errors ?? []),
    ...(isRead ? [] : OF_BODIES),
    ...(isChange ? ['CROSS_SITE'] : []),
    ...(hasInput ? ['VALIDATION_FAILED'] : []),
  ])
  return (Object.keys(errors) as ErrorCode[]).filter((code) => codes.has(code))
}

/**
 * @param components where a response of one code goes, by the code's name: operations share it
 * @returns a response for each status that the codes have
 */
export function errorResponses(
  codes: ErrorCode[],
  components: Record<string, Response>,
): Record<number, Response> {
  const responses: Record<number, Response> = {}
  for (const status of new Set(codes.map(statusOf))) {
    const sharing = codes.filter((code) => statusOf(code) === status)
    const [code, ...others] = sharing
    if (code === undefined || others.length > 0) responses[status] = errorResponse(status, sharing)
    else {
      const name = pascalCase(code)
      components[name] ??= errorResponse(status, sharing)
      responses[status] = { $ref: `#/components/responses/${name}` }
    }
  }
  return responses
}

function errorResponse(status: number, codes: ErrorCode[]): Response {
  return {
    description: codes.map((code) => `\`${code}\`: ${messageOf(code)}`).join('\n\n'),
    headers: references([...ON_ANY, ...(BY_STATUS[status] ?? [])]),
    content: {
      'application/json': { schema: { $ref: '#/components/schemas/Error' } },
      'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
    },
  }
}

/** @returns a response for 200, and for 304 where a client may have the answer already */
export function successResponses(
  response: Response | undefined,
  { successHeaders = [], condition }: NonNullable<RouteOptions['config']>,
): Record<number, Response> {
  if (!response || '$ref' in response) throw new Error('an operation without a 200 of its own')
  if (condition !== 'if-none-match') {
    return { 200: { ...response, headers: references([...ON_ANY, ...successHeaders]) } }
  }
  const headers = references([...ON_ANY, ...successHeaders, 'etag'])
  const unchanged = 'It is of the version that `If-None-Match` names, or of one of them'
  return { 200: { ...response, headers }, 304: { description: unchanged, headers } }
}

/** The header of a request by which an operation may be bound to a version. */
export function conditionParameter(
  condition: 'if-none-match' | 'if-match',
): OpenAPIV3.ParameterObject {
  return {
    in: 'header',
    name: condition,
    description:
      condition === 'if-match'
        ? 'Versions of the account, as `ETag` told them: it is changed only if it is of one of them'
        : 'Versions of the account, as `ETag` told them: if it is of one of them, the answer is a 304',
    schema: { type: 'string' }, // no example: pages would send it
  }
}

function statusOf(code: ErrorCode): number {
  return new errors[code]().statusCode
}

function messageOf(code: ErrorCode): string {
  return new errors[code]().message.replace('%s', 'is refused, with the reason')
}

/** `USER_NOT_FOUND` becomes `UserNotFound`. */
function pascalCase(code: ErrorCode): string {
  return code
    .toLowerCase()
    .replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

function references(names: HeaderName[]): Record<string, OpenAPIV3.ReferenceObject> {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))
}
