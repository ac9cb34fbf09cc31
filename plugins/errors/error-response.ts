import { STATUS_CODES } from 'node:http'
import type { FastifySchemaValidationError } from 'fastify'
import Negotiator from 'negotiator'
import { databaseFault, isTransient } from '../../db/errors.ts'
import { type CodedError, type ErrorCode, errors, type Fault } from './errors.ts'

export const MAX_FAULTS_TOLD = 20
const MAX_NAME_LENGTH = 100

const JSON_TYPE = 'application/json'
const PROBLEM = 'application/problem+json'

/** What a status must or should come with (RFC 9110 11.6.1 and 15.6.4; RFC 6750 3). */
const REQUIRED_HEADERS: Record<number, Record<string, string>> = {
  401: { 'www-authenticate': 'Bearer realm="gatehouse"' },
  503: { 'retry-after': '1' },
}

/** Fastify's own errors, as far as they aren't told by their status alone. */
const FRAMEWORK_CODES: Record<string, ErrorCode> = {
  FST_ERR_CTP_INVALID_JSON_BODY: 'INVALID_JSON',
  CLIENT_GONE: 'BAD_REQUEST', // seen by the log alone
  FST_ERR_HANDLER_TIMEOUT: 'SERVICE_UNAVAILABLE',
  ERR_HTTP_REQUEST_TIMEOUT: 'REQUEST_TIMEOUT',
  HPE_HEADER_OVERFLOW: 'HEADERS_TOO_LARGE',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'BODY_TOO_LARGE',
}

const STATUS_ERRORS: Record<number, ErrorCode> = {
  400: 'BAD_REQUEST',
  404: 'ROUTE_NOT_FOUND',
  413: 'BODY_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
}

/** Finds for whatever was thrown the error that a client is told. What it doesn't know is a 500. */
export function toCodedError(error: unknown): CodedError {
  if (isCoded(error)) return error
  const fault = databaseFault(error)
  if (fault) return new errors[isTransient(fault) ? 'SERVICE_UNAVAILABLE' : 'INTERNAL_ERROR']()
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
 * The one body that errors have, or the same facts as RFC 9457 for a client that asks for it. The
 * types have no `charset`, which JSON doesn't know (RFC 8259 11): clients that tell the two apart
 * compare them whole.
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
 * Whether a client would rather have RFC 9457 than our own shape: by weight, then by the order in
 * which it names them (RFC 9110 12.5.1). Generated clients name both, ours first.
 */
function wantsProblem(accept: string | undefined): boolean {
  if (!accept?.toLowerCase().includes(PROBLEM)) return false
  const offered = [JSON_TYPE, PROBLEM, `${PROBLEM};charset=utf-8`]
  return new Negotiator({ headers: { accept } }).mediaType(offered)?.startsWith(PROBLEM) ?? false
}

function isCoded(error: unknown): error is CodedError {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    Object.hasOwn(errors, error.code)
  )
}

function isClientFault(status: number): boolean {
  return status >= 400 && status < 500
}

/** @param context the part of the request: `body`, `params`, `querystring` or `headers` */
function validationFailed(context: string, violations: FastifySchemaValidationError[]) {
  const error = new errors.VALIDATION_FAILED()
  error.faults = violations
    .slice(0, MAX_FAULTS_TOLD)
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
      return { path: `${path}.${name}`, message: 'is not known here' }
    }
    case 'enum':
      return { path, message: `must be one of ${JSON.stringify(params.allowedValues)}` }
    case 'pattern':
      return { path, message: `must be ${descriptionOf(violation) ?? 'of another form'}` }
    default:
      return { path, message: message ?? 'is not valid' }
  }
}

/** What the schema says that the value is: Ajv gives the schema along, the type doesn't know it. */
function descriptionOf(violation: FastifySchemaValidationError): string | undefined {
  const schema = 'parentSchema' in violation ? violation.parentSchema : undefined
  const isDescribed = typeof schema === 'object' && schema !== null && 'description' in schema
  return isDescribed ? String(schema.description) : undefined
}
