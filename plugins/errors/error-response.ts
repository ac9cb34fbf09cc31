import { STATUS_CODES } from 'node:http'
import type { FastifySchemaValidationError } from 'fastify'
import Negotiator from 'negotiator'
import { type DatabaseFault, databaseFault, isBug } from '../../db/errors.ts'
import { type CodedError, type ErrorCode, errors, type Fault } from './errors.ts'

const MAX_FAULTS_SENT = 20
const MAX_NAME_LENGTH = 100

const JSON_TYPE = 'application/json'
const PROBLEM = 'application/problem+json'

/** The headers that a status requires or should have (RFC 9110 11.6.1 and 15.6.4; RFC 6750 3). */
const REQUIRED_HEADERS: Record<number, Record<string, string>> = {
  401: { 'www-authenticate': 'Bearer realm="gatehouse"' },
  503: { 'retry-after': '1' },
}

/** Error codes of Fastify and Node that need a code of ours. All others are mapped by status. */
const FRAMEWORK_CODES: Record<string, ErrorCode> = {
  FST_ERR_CTP_INVALID_JSON_BODY: 'INVALID_JSON',
  ERR_HTTP_REQUEST_TIMEOUT: 'REQUEST_TIMEOUT',
  HPE_HEADER_OVERFLOW: 'HEADERS_TOO_LARGE',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'BODY_TOO_LARGE',
}

/** What a value of a string format looks like, for people. */
const FORMATS: Record<string, string> = {
  id: `an integer from 1 to ${Number.MAX_SAFE_INTEGER}, without sign or leading zero`,
  'date-time': 'an RFC 3339 timestamp, such as 2030-01-01T00:00:00Z',
}

const STATUS_ERRORS: Record<number, ErrorCode> = {
  400: 'BAD_REQUEST',
  404: 'ROUTE_NOT_FOUND',
  413: 'BODY_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
}

/** @returns the error to send for whatever was thrown: a 500 if it is unknown */
export function toCodedError(error: unknown): CodedError {
  if (isCoded(error)) return error
  const fault = databaseFault(error)
  if (fault) return new errors[codeOf(fault)]()
  if (!(error instanceof Error)) return new errors.INTERNAL_ERROR()

  if ('validation' in error && Array.isArray(error.validation)) {
    const context = 'validationContext' in error ? String(error.validationContext) : 'request'
    return validationFailed(context, error.validation)
  }
  const known = 'code' in error ? FRAMEWORK_CODES[String(error.code)] : undefined
  if (known) return new errors[known]()
  const status = 'statusCode' in error ? Number(error.statusCode) : 500
  return new errors[
    STATUS_ERRORS[status] ?? (isClientFault(status) ? 'BAD_REQUEST' : 'INTERNAL_ERROR')
  ]()
}

/**
 * Makes the body of an error: our own shape, or that of RFC 9457 for a client that prefers it. The
 * content types have no `charset`, which JSON doesn't define (RFC 8259 11): generated clients
 * compare the whole content type.
 *
 * @param accept the request's `Accept` header
 */
export function renderError(error: CodedError, accept: string | undefined) {
  const { code, message, statusCode } = error
  const title = STATUS_CODES[statusCode]
  const faults = error.faults && { errors: error.faults }
  const required = {
    ...REQUIRED_HEADERS[statusCode],
    ...(error.retryAfterS && { 'retry-after': String(error.retryAfterS) }),
  }
  if (wantsProblem(accept)) {
    return {
      headers: { 'content-type': PROBLEM, ...required },
      body: JSON.stringify({
        type: 'about:blank',
        title,
        status: statusCode,
        detail: message,
        code,
        ...faults,
      }),
    }
  }
  return {
    headers: { 'content-type': JSON_TYPE, ...required },
    body: JSON.stringify({
      statusCode,
      code,
      error: title,
      message,
      ...faults,
    }),
  }
}

/**
 * @returns whether a client prefers RFC 9457 to our own shape: by weight, then by the order in its
 * list (RFC 9110 12.5.1). Generated clients list both, ours first.
 */
function wantsProblem(accept: string | undefined): boolean {
  if (!accept?.toLowerCase().includes(PROBLEM)) return false
  const offered = [JSON_TYPE, PROBLEM, `${PROBLEM};charset=utf-8`]
  return new Negotiator({ headers: { accept } }).mediaType(offered)?.startsWith(PROBLEM) ?? false
}

/**
 * Database errors are a 503, because they end by themselves or by an operator's action. Errors that
 * our own code causes are a 500.
 */
function codeOf(fault: DatabaseFault): ErrorCode {
  if (fault.code === 'OUTCOME_UNKNOWN') return 'OUTCOME_UNKNOWN'
  if (fault.code === 'CLIENT_GONE') return 'BAD_REQUEST' // reaches the log only
  return isBug(fault) ? 'INTERNAL_ERROR' : 'SERVICE_UNAVAILABLE'
}

function isCoded(error: unknown): error is CodedError {
  return (
    error instanceof Error &&
    // An OperationError has the code OUTCOME_UNKNOWN too, but no status.
    'statusCode' in error &&
    'code' in error &&
    typeof error.code === 'string' &&
    Object.hasOwn(errors, error.code)
  )
}

function isClientFault(status: number): boolean {
  return status >= 400 && status < 500
}

/** @param context `body`, `params`, `querystring` or `headers` */
function validationFailed(context: string, violations: FastifySchemaValidationError[]) {
  const error = new errors.VALIDATION_FAILED()
  error.faults = violations
    .slice(0, MAX_FAULTS_SENT)
    .map((violation) => toFault(context, violation))
  return error
}

function toFault(context: string, violation: FastifySchemaValidationError): Fault {
  const { instancePath, keyword, message, params } = violation
  const path = context + instancePath.replaceAll('/', '.')
  switch (keyword) {
    case 'required':
      return { path: `${path}.${String(params.missingProperty)}`, message: 'is required' }
    case 'additionalProperties': {
      const name = String(params.additionalProperty).slice(0, MAX_NAME_LENGTH)
      return { path: `${path}.${name}`, message: 'is unknown' }
    }
    case 'enum':
      return { path, message: `must be one of ${JSON.stringify(params.allowedValues)}` }
    case 'pattern':
      return { path, message: `must be ${descriptionOf(violation) ?? 'of another form'}` }
    case 'format':
      return { path, message: `must be ${FORMATS[String(params.format)] ?? 'of another format'}` }
    default:
      return { path, message: message ?? 'is invalid' }
  }
}

/** The description of the violated schema, which Ajv adds to errors; Fastify's type lacks it. */
function descriptionOf(violation: FastifySchemaValidationError): string | undefined {
  const schema = 'parentSchema' in violation ? violation.parentSchema : undefined
  const isDescribed = typeof schema === 'object' && schema !== null && 'description' in schema
  return isDescribed ? String(schema.description) : undefined
}
