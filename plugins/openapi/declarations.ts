import type { FastifySchema } from 'fastify'
import type { ErrorCode } from '../errors/errors.ts'
import type { HeaderName } from './headers.ts'

/**
 * What a route's `response` declares besides the bodies of its success. The keys are symbols
 * because Fastify compiles a serializer for each key that is a string, and errors need none.
 */
const ERROR_CODES = Symbol('error codes')
const SUCCESS_HEADERS = Symbol('success headers')
const BODILESS = Symbol('response without a body')
const LINKS = Symbol('links')

/** A response that has headers only. */
interface Bodiless {
  status: 302 | 304
  description: string
  headers: readonly HeaderName[]
}

/** Parameters of an operation, by its id: runtime expressions (OpenAPI 3.1, "Runtime Expressions"). */
type Links = Record<string, Record<string, string>>

interface Declared {
  [ERROR_CODES]?: readonly ErrorCode[]
  [SUCCESS_HEADERS]?: readonly HeaderName[]
  [BODILESS]?: Bodiless
  [LINKS]?: Links
}

/**
 * Declares the errors that a route can answer, to be spread into `response`. The document derives
 * the statuses. A route that declares `PRECONDITION_FAILED` is documented as taking `If-Match`.
 */
export function errorResponses(...codes: ErrorCode[]): object {
  return { [ERROR_CODES]: codes } satisfies Declared
}

/** Declares the headers of a 200 besides those that every response has. */
export function successHeaders(...headers: HeaderName[]): object {
  return { [SUCCESS_HEADERS]: headers } satisfies Declared
}

/** Declares the 304 and the `ETag` of a route that takes `If-None-Match`. */
export function notModified(): object {
  const description = 'The account still has a version that `If-None-Match` names'
  return {
    [SUCCESS_HEADERS]: ['ETag'],
    [BODILESS]: { status: 304, description, headers: ['ETag'] },
  } satisfies Declared
}

/** Declares a 302. */
export function redirect(description: string): object {
  return { [BODILESS]: { status: 302, description, headers: ['Location'] } } satisfies Declared
}

/** Declares the operations that read, use or delete what a 200 has created. */
export function links(byOperation: Links): object {
  return { [LINKS]: byOperation } satisfies Declared
}

/** @returns a copy of a schema that declares this error too */
export function withError(schema: FastifySchema | undefined, code: ErrorCode): FastifySchema {
  const { errorCodes } = declarationsOf(schema)
  return {
    ...schema,
    response: { ...responseOf(schema), ...errorResponses(...errorCodes, code) },
  }
}

/** @returns a copy of a schema whose 200 declares this header too */
export function withSuccessHeader(
  schema: FastifySchema | undefined,
  header: HeaderName,
): FastifySchema {
  const { successHeaders: declared } = declarationsOf(schema)
  return {
    ...schema,
    response: { ...responseOf(schema), ...successHeaders(...declared, header) },
  }
}

/** @returns what the helpers above have declared in a schema */
export function declarationsOf(schema: FastifySchema | undefined) {
  const declared: Declared = responseOf(schema)
  return {
    errorCodes: declared[ERROR_CODES] ?? [],
    successHeaders: declared[SUCCESS_HEADERS] ?? [],
    bodiless: declared[BODILESS],
    links: declared[LINKS] ?? {},
  }
}

function responseOf(schema: FastifySchema | undefined): object {
  const response = schema?.response
  return typeof response === 'object' && response !== null ? response : {}
}
