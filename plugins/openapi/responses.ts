import type { RouteOptions } from 'fastify'
import type { OpenAPIV3 } from 'openapi-types'
import { type ErrorCode, errors } from '../errors/errors.ts'
import { isRecorded } from '../idempotency/answer.ts'
import { KEY_SCHEMA } from '../idempotency/key.ts'
import { declarationsOf } from './declarations.ts'
import type { HeaderName } from './headers.ts'

type Response = OpenAPIV3.ResponseObject | OpenAPIV3.ReferenceObject

const COMMON_HEADERS: HeaderName[] = [
  'X-Request-Id',
  'RateLimit-Limit',
  'RateLimit-Remaining',
  'RateLimit-Reset',
]

/** The additional headers of a status. */
const STATUS_HEADERS: Record<number, HeaderName[]> = {
  401: ['WWW-Authenticate'],
  429: ['Retry-After'],
  503: ['Retry-After'],
}

const ERROR_CONTENT = {
  'application/json': { schema: { $ref: '#/components/schemas/ApiError' } },
  'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
}

/**
 * Of any other status. The server sends none: proxies and later versions can. Its headers are unknown.
 */
export const UNEXPECTED_ERROR = {
  description: 'A status that this version does not send. The body may have another shape',
  content: ERROR_CONTENT,
}

/** The errors of every operation. */
const COMMON_ERRORS: ErrorCode[] = [
  'BAD_REQUEST',
  'REQUEST_TIMEOUT',
  'HEADERS_TOO_LARGE',
  'TOO_MANY_REQUESTS',
  'INTERNAL_ERROR',
  'OVERLOADED',
  'SERVICE_UNAVAILABLE',
]
/** Those of an operation for proxies: what the parser of HTTP refuses, and 503. */
const PROXY_ERRORS: ErrorCode[] = [
  'BAD_REQUEST',
  'REQUEST_TIMEOUT',
  'HEADERS_TOO_LARGE',
  'OVERLOADED',
  'SERVICE_UNAVAILABLE',
]
/** The errors of every method other than GET: a body is read even if the operation takes none. */
const BODY_ERRORS: ErrorCode[] = [
  'VALIDATION_FAILED',
  'INVALID_JSON',
  'BODY_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
]

/** @returns every code that an operation can answer with, in the order of the list of errors */
export function errorCodesOf({ method, schema, config }: RouteOptions): ErrorCode[] {
  if (config?.forProxies) return inOrder([...PROXY_ERRORS, ...declarationsOf(schema).errorCodes])
  const isRead = method === 'GET'
  const isChange = !isRead || config?.changesState
  const hasInput = schema?.params ?? schema?.querystring
  return inOrder([
    ...COMMON_ERRORS,
    ...declarationsOf(schema).errorCodes,
    ...(isRead ? [] : BODY_ERRORS),
    ...(isChange ? (['CROSS_SITE', 'OUTCOME_UNKNOWN'] as const) : []),
    ...(hasInput ? (['VALIDATION_FAILED'] as const) : []),
  ])
}

function inOrder(codes: ErrorCode[]): ErrorCode[] {
  const wanted = new Set<string>(codes)
  return (Object.keys(errors) as ErrorCode[]).filter((code) => wanted.has(code))
}

/**
 * @param components receives the responses of a single code, by the code's name: operations share them
 * @param everywhere headers that every response of this server can have, besides the common ones
 * @param isReplayed whether the operation takes an `Idempotency-Key`
 * @returns a response for each status that the codes have
 */
export function describeErrors(
  codes: ErrorCode[],
  components: Record<string, Response>,
  everywhere: HeaderName[] = [],
  isReplayed = false,
): Record<number, Response> {
  const responses: Record<number, Response> = {}
  for (const status of new Set(codes.map(statusOf))) {
    const sharing = codes.filter((code) => statusOf(code) === status)
    const canBeReplay = isReplayed && sharing.some(isRecorded)
    const added: HeaderName[] = canBeReplay ? [...everywhere, 'Idempotency-Replayed'] : everywhere
    const [code, ...others] = sharing
    if (code === undefined || others.length > 0)
      responses[status] = describeError(status, sharing, added)
    else {
      const name = `${canBeReplay ? 'Replayable' : ''}${pascalCase(code)}`
      components[name] ??= describeError(status, sharing, added)
      responses[status] = { $ref: `#/components/responses/${name}` }
    }
  }
  return responses
}

function describeError(status: number, codes: ErrorCode[], everywhere: HeaderName[]): Response {
  return {
    description: codes.map((code) => `\`${code}\`: ${messageOf(code)}`).join('\n\n'),
    headers: {
      ...references([...COMMON_HEADERS, ...(STATUS_HEADERS[status] ?? []), ...everywhere]),
      ...(codes.includes('IDEMPOTENCY_IN_PROGRESS') && {
        'Retry-After': { $ref: '#/components/headers/RetryAfterInProgress' },
      }),
      ...(codes.includes('SCOPE_MISSING') && {
        'WWW-Authenticate': { $ref: '#/components/headers/InsufficientScope' },
      }),
    },
    content: ERROR_CONTENT,
  }
}

/** @returns the responses that aren't errors: the 200, and one without a body if it is declared */
export function describeSuccess(
  response: Response | undefined,
  { schema }: RouteOptions,
  everywhere: HeaderName[] = [],
): Record<number, Response> {
  if (!response || '$ref' in response) throw new Error('An operation needs a 200 of its own')
  const { successHeaders, bodiless, links } = declarationsOf(schema)
  const common = [...COMMON_HEADERS, ...everywhere]
  const success = {
    ...response,
    headers: references([...common, ...successHeaders]),
    ...(Object.keys(links).length > 0 && { links: describeLinks(links) }),
  }
  if (!bodiless) return { 200: success }
  const { status, description, headers } = bodiless
  return {
    200: success,
    [status]: { description, headers: references([...common, ...headers]) },
  }
}

function describeLinks(links: Record<string, Record<string, string>>) {
  return Object.fromEntries(
    Object.entries(links).map(([operationId, parameters]) => [
      operationId,
      { operationId, ...(Object.keys(parameters).length > 0 && { parameters }) },
    ]),
  )
}

/** @returns the request header of an operation that takes it */
export function idempotencyKeyOf({ config }: RouteOptions): OpenAPIV3.ParameterObject[] {
  if (!config?.idempotencyKey) return []
  return [
    {
      in: 'header',
      name: 'Idempotency-Key',
      description:
        'A random value that the client makes for one request and sends with each of its retries: they get the first answer. Quoted or not',
      schema: KEY_SCHEMA,
    },
  ]
}

/** @returns the request headers that make an operation conditional (RFC 9110 13.1) */
export function conditionsOf({ schema }: RouteOptions): OpenAPIV3.ParameterObject[] {
  const { errorCodes, bodiless } = declarationsOf(schema)
  return [
    ...(bodiless?.status === 304
      ? [
          condition(
            'If-None-Match',
            'Versions of the account, as in `ETag`. If it has one of them, the response is a 304',
          ),
        ]
      : []),
    ...(errorCodes.includes('PRECONDITION_FAILED')
      ? [
          condition(
            'If-Match',
            'Versions of the account, as in `ETag`. The change is made only if it has one of them',
          ),
        ]
      : []),
  ]
}

function condition(name: string, description: string): OpenAPIV3.ParameterObject {
  return {
    in: 'header',
    name,
    description,
    schema: { type: 'string' }, // no example: the documentation page would send it
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
