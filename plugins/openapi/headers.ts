import type { OpenAPIV3 } from 'openapi-types'

const seconds = { type: 'integer', format: 'int32', minimum: 0 } as const
const count = { type: 'integer', format: 'int64', minimum: 0 } as const

/** The response headers of the document, as its components, with their names as RFCs write them. */
export const headers = {
  'X-Request-Id': {
    description:
      'The id of the request, as in the log: the one that the client sent, if it is 1 to 64 letters, digits or `._:-`',
    required: true,
    schema: { type: 'string', pattern: '^[A-Za-z0-9._:-]+$' },
    example: '6f1c2a4e-0f6b-4b0e-9d0a-0c5f6c1b7d11',
  },
  'RateLimit-Limit': {
    description:
      'How many requests an address may send in a window. Absent where requests are not limited',
    schema: count,
    example: 6000,
  },
  'RateLimit-Remaining': {
    description: 'How many requests are left in the window',
    schema: count,
    example: 5999,
  },
  'RateLimit-Reset': {
    description: 'How many seconds are left of the window',
    schema: seconds,
    example: 60,
  },
  'Retry-After': {
    description: 'How many seconds to wait before trying again',
    required: true,
    schema: { ...seconds, minimum: 1 },
    example: 1,
  },
  RetryAfterInProgress: {
    description:
      'How many seconds to wait before trying again, for the code `IDEMPOTENCY_IN_PROGRESS`',
    schema: { ...seconds, minimum: 1 },
    example: 1,
  },
  // Every 401 has it. It is not required, because ogen 1.25 makes one type of this and of InsufficientScope.
  'WWW-Authenticate': {
    description: 'The authentication scheme besides the cookie',
    schema: { type: 'string' },
    example: 'Bearer realm="gatehouse"',
  },
  InsufficientScope: {
    description: 'The scope that the token lacks, for the code `SCOPE_MISSING` (RFC 6750 3)',
    schema: { type: 'string' },
    example: 'Bearer realm="gatehouse", error="insufficient_scope", scope="events:read"',
  },
  'X-Gatehouse-User-Id': {
    description: 'The id of the account. Empty without an identity, as the other headers',
    required: true,
    schema: { type: 'string', pattern: '^([1-9][0-9]*)?$' },
    example: '7',
  },
  'X-Gatehouse-Username': {
    description:
      'The username. Characters other than visible ASCII, and `%`, are percent-encoded in UTF-8',
    required: true,
    schema: { type: 'string' },
    example: 'ada',
  },
  'X-Gatehouse-Role': {
    description: 'The role of the account',
    required: true,
    schema: { type: 'string', pattern: '^(user|admin)?$' },
    example: 'user',
  },
  'X-Gatehouse-Credential': {
    description: 'The kind of the credential',
    required: true,
    schema: { type: 'string', pattern: '^(session|token)?$' },
    example: 'session',
  },
  'X-Gatehouse-Scopes': {
    description:
      'The scopes of a limited token, separated by spaces. `*` for a session, and for a token that is not limited',
    required: true,
    schema: { type: 'string' },
    example: 'orders:read',
  },
  'Set-Cookie': {
    description: 'Sets or deletes the session cookie',
    schema: { type: 'string' },
    example: 'session=5Uyx…; Path=/; HttpOnly; SameSite=Lax',
  },
  ETag: {
    description: 'The version of the account, for `If-None-Match` and `If-Match`',
    schema: { type: 'string', pattern: '^W/"[1-9][0-9]*"$' },
    example: 'W/"3"',
  },
  Link: {
    description: 'The next page of a list, if there is one (RFC 8288)',
    schema: { type: 'string' },
    example: '<?limit=50&cursor=eyJ…>; rel="next"',
  },
  'Idempotency-Replayed': {
    description:
      '`true` if this is the first answer to an earlier request with this `Idempotency-Key`. Otherwise absent',
    schema: { type: 'string', pattern: '^true$' },
    example: 'true',
  },
  Location: {
    description: 'The path to go to',
    required: true,
    schema: { type: 'string' },
    example: '/docs',
  },
} satisfies Record<string, OpenAPIV3.HeaderObject>

export type HeaderName = keyof typeof headers
