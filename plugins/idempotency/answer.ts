import type { FastifyReply } from 'fastify'
import { type ErrorCode, errors } from '../errors/errors.ts'

/** An answer as it was first sent. */
export interface Answer {
  status: number
  headers: Record<string, string>
  /** The code of an error; null for a success. */
  code: ErrorCode | null
  body: Buffer
}

/**
 * The refusals that are recorded. They depend on what the database had, so that a repeated request could have
 * another result: the draft wants the first one again.
 *
 * Not recorded: what is wrong with the request itself (`VALIDATION_FAILED`, `PASSWORD_REFUSED`, 403, 413, …), which
 * stays wrong; a wrong current password, which counts as a failed login each time; what the caller may not do
 * (401, 403), because the guards check every request; 422; and what ends by itself (409 in progress, 429, 5xx).
 */
const RECORDED = new Set<ErrorCode>([
  'USERNAME_TAKEN',
  'USER_NOT_FOUND',
  'SESSION_NOT_FOUND',
  'TOKEN_NOT_FOUND',
  'ACCOUNT_DISABLED',
  'NOT_A_SERVICE',
  'NO_PASSWORD',
  'OWN_ACCOUNT',
  'LAST_ADMIN',
  'TOKEN_LIMIT',
  'PRECONDITION_FAILED',
])

/** A parallel attempt that was first can be the reason: it has changed the password. */
const MAY_FOLLOW_A_SUCCESS: ErrorCode = 'WRONG_CURRENT_PASSWORD'

export function isRecorded(code: ErrorCode): boolean {
  return RECORDED.has(code)
}

/** @returns whether another attempt with the same key can have caused the refusal */
export function canFollowASuccess(code: ErrorCode): boolean {
  return RECORDED.has(code) || code === MAY_FOLLOW_A_SUCCESS
}

/**
 * The headers of a reply that belong to its content. Cookies are not among them: they concern the session of one
 * request, and a retry can have another.
 */
const KEPT_HEADERS = ['etag', 'location']

export function keptHeaders(reply: FastifyReply): Record<string, string> {
  const kept = KEPT_HEADERS.map((name) => [name, reply.getHeader(name)] as const)
  return Object.fromEntries(
    kept.flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  )
}

/** Removes the headers of a change that was not made. */
export function dropHeaders(reply: FastifyReply): void {
  for (const name of KEPT_HEADERS) reply.removeHeader(name)
}

/** @returns one line of JSON, and the body */
export function toBytes({ body, ...head }: Answer): Buffer {
  return Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), body])
}

/** @param bytes of `toBytes`, which were authenticated */
export function fromBytes(bytes: Buffer): Answer {
  const end = bytes.indexOf('\n')
  const head: Omit<Answer, 'body'> = JSON.parse(bytes.toString('utf8', 0, end))
  // A later version can have written it: an unknown code is sent, and not logged.
  const code = head.code !== null && Object.hasOwn(errors, head.code) ? head.code : null
  return { ...head, code, body: bytes.subarray(end + 1) }
}
