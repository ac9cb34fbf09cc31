import createError from '@fastify/error'

/**
 * Every error that the server sends, by its `code`: a closed list, and part of the contract. A
 * handler throws `new errors.USER_NOT_FOUND()`; the error handler makes the response.
 */
export const errors = {
  VALIDATION_FAILED: coded('VALIDATION_FAILED', 400, 'The request is not valid.'),
  INVALID_JSON: coded('INVALID_JSON', 400, 'The body is not valid JSON in UTF-8.'),
  BAD_REQUEST: coded('BAD_REQUEST', 400, 'The request is malformed.'),
  INVALID_CREDENTIALS: coded('INVALID_CREDENTIALS', 400, 'The username or the password is wrong.'),
  WRONG_CURRENT_PASSWORD: coded('WRONG_CURRENT_PASSWORD', 400, 'The current password is wrong.'),
  PASSWORD_REFUSED: coded('PASSWORD_REFUSED', 400, 'The password %s.'),
  USERNAME_TAKEN: coded('USERNAME_TAKEN', 400, 'An account with this name exists already.'),
  UNAUTHENTICATED: coded('UNAUTHENTICATED', 401, 'The request has no valid session or token.'),
  SESSION_REQUIRED: coded('SESSION_REQUIRED', 401, 'A token may not do this: log in.'),
  NOT_PERMITTED: coded('NOT_PERMITTED', 401, 'This account may not do this.'),
  PASSWORD_MISSING: coded('PASSWORD_MISSING', 403, 'A password is required.'),
  ROLE_MISSING: coded('ROLE_MISSING', 403, 'The account lacks the role %s.'),
  SCOPE_MISSING: coded('SCOPE_MISSING', 403, 'The token lacks the scope %s.'),
  TOKEN_LIMITED: coded(
    'TOKEN_LIMITED',
    403,
    'A limited token may not make an admin, or let one do more.',
  ),
  CROSS_SITE: coded('CROSS_SITE', 403, 'This request may not come from another site.'),
  USER_NOT_FOUND: coded('USER_NOT_FOUND', 404, 'There is no such account.'),
  SESSION_NOT_FOUND: coded('SESSION_NOT_FOUND', 404, 'There is no such session.'),
  TOKEN_NOT_FOUND: coded('TOKEN_NOT_FOUND', 404, 'There is no such token.'),
  ROUTE_NOT_FOUND: coded('ROUTE_NOT_FOUND', 404, 'This path does not exist.'),
  METHOD_NOT_ALLOWED: coded('METHOD_NOT_ALLOWED', 405, 'This path does not support this method.'),
  REQUEST_TIMEOUT: coded('REQUEST_TIMEOUT', 408, 'The request did not arrive in time.'),
  ACCOUNT_DISABLED: coded('ACCOUNT_DISABLED', 409, 'The account is disabled. Enable it first.'),
  NOT_A_SERVICE: coded('NOT_A_SERVICE', 409, 'This account is not a service account.'),
  NO_PASSWORD: coded('NO_PASSWORD', 409, 'A service account has no password.'),
  OWN_ACCOUNT: coded('OWN_ACCOUNT', 409, 'Admins may not do this to their own account.'),
  LAST_ADMIN: coded('LAST_ADMIN', 409, 'No enabled admin who can log in would remain.'),
  TOKEN_LIMIT: coded(
    'TOKEN_LIMIT',
    409,
    'The account has as many tokens as it may have. End one first.',
  ),
  IDEMPOTENCY_IN_PROGRESS: coded(
    'IDEMPOTENCY_IN_PROGRESS',
    409,
    'A request with this Idempotency-Key is still being processed. Try again shortly.',
  ),
  PRECONDITION_FAILED: coded(
    'PRECONDITION_FAILED',
    412,
    'The account has none of the versions in If-Match.',
  ),
  BODY_TOO_LARGE: coded('BODY_TOO_LARGE', 413, 'The body is longer than 16 KiB.'),
  UNSUPPORTED_MEDIA_TYPE: coded(
    'UNSUPPORTED_MEDIA_TYPE',
    415,
    'The operation does not accept this content type or content encoding.',
  ),
  IDEMPOTENCY_KEY_REUSED: coded(
    'IDEMPOTENCY_KEY_REUSED',
    422,
    'This Idempotency-Key belongs to another request.',
  ),
  TOO_MANY_REQUESTS: coded('TOO_MANY_REQUESTS', 429, 'Too many requests from this address.'),
  LOGIN_THROTTLED: coded(
    'LOGIN_THROTTLED',
    429,
    'Too many wrong passwords. Wait before the next attempt.',
  ),
  HEADERS_TOO_LARGE: coded('HEADERS_TOO_LARGE', 431, 'The URL and the headers exceed 16 KiB.'),
  INTERNAL_ERROR: coded('INTERNAL_ERROR', 500, 'The server failed to process the request.'),
  HASH_CAPACITY: coded(
    'HASH_CAPACITY',
    503,
    'The server is checking too many passwords. Try again shortly.',
  ),
  SCHEMA_OUTDATED: coded('SCHEMA_OUTDATED', 503, 'The database lacks migrations of this version.'),
  DATABASE_UNAVAILABLE: coded('DATABASE_UNAVAILABLE', 503, 'The database does not respond.'),
  SHUTTING_DOWN: coded('SHUTTING_DOWN', 503, 'The server is shutting down.'),
  OUTCOME_UNKNOWN: coded(
    'OUTCOME_UNKNOWN',
    503,
    'The change may have been made or not: repeat the request with the same Idempotency-Key, or read the resource first.',
  ),
  OVERLOADED: coded('OVERLOADED', 503, 'The server has too much to do. Try again shortly.'),
  VERIFY_LIMITED: coded(
    'VERIFY_LIMITED',
    503,
    'Too many invalid credentials came from this address. Try again later.',
  ),
  VERIFY_MISCONFIGURED: coded(
    'VERIFY_MISCONFIGURED',
    503,
    'The URL that the proxy calls has an unknown or contradictory parameter.',
  ),
  SERVICE_UNAVAILABLE: coded('SERVICE_UNAVAILABLE', 503, 'Try again shortly.'),
} as const

export type ErrorCode = keyof typeof errors

/** A validation error: the field (`body.username`) and what is wrong with it. */
export interface Fault {
  path: string
  message: string
}

export type CodedError = InstanceType<(typeof errors)[ErrorCode]>

function coded<Code extends string>(code: Code, statusCode: number, message: string) {
  return class extends createError(code, message, statusCode) {
    override readonly code: Code = code
    override readonly statusCode: number = statusCode
    /** The validation errors by field, if there are any. */
    faults: Fault[] | undefined
    /** The seconds to wait before trying again, if they are known. */
    retryAfterS: number | undefined

    at(path: string, text: string): this {
      this.faults = [{ path, message: text }]
      return this
    }

    /** @param seconds rounded up, and at least one */
    retryAfter(seconds: number): this {
      this.retryAfterS = Math.max(1, Math.ceil(seconds))
      return this
    }
  }
}
