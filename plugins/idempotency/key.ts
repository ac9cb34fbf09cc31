import type { IncomingMessage } from 'node:http'
import { errors } from '../errors/errors.ts'

export const HEADER = 'idempotency-key'

const MAX_LENGTH = 255
/** A string of structured fields (RFC 9651 3.3.3). */
const QUOTED = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/
/** The same text without quotes, which most clients send. */
const BARE = /^[\x20\x21\x23-\x7e]+$/

/** What `readKey` accepts, for the document: with the quotes, each character can need a backslash. */
export const KEY_SCHEMA = {
  type: 'string',
  minLength: 1,
  maxLength: 2 * MAX_LENGTH + 2,
  pattern: `^("([ !#-\\[\\]-~]|\\\\["\\\\]){1,${MAX_LENGTH}}"|[ !#-~]{1,${MAX_LENGTH}})$`,
} as const

/**
 * Reads the `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07) of a request, quoted or bare:
 * `"abc"` and `abc` are one key.
 *
 * @returns the key, 1 to 255 printable ASCII characters; undefined if there is no such header
 * @throws VALIDATION_FAILED if it is anything else, or sent twice
 */
export function readKey({
  headers,
  rawHeaders,
}: Pick<IncomingMessage, 'headers' | 'rawHeaders'>): string | undefined {
  const sent = headers[HEADER]
  if (sent === undefined) return undefined
  // Node joins repeated headers, with a comma that a key can contain.
  const count = rawHeaders.filter(
    (name, index) => index % 2 === 0 && name.toLowerCase() === HEADER,
  ).length
  if (count !== 1) throw refused('must be sent once')
  const key = typeof sent === 'string' ? parse(sent) : undefined
  if (key === undefined || key.length === 0 || key.length > MAX_LENGTH) {
    throw refused(`must be 1 to ${MAX_LENGTH} printable ASCII characters, in quotes or without any`)
  }
  return key
}

function parse(text: string): string | undefined {
  const quoted = QUOTED.exec(text)?.[1]
  if (quoted !== undefined) return quoted.replace(/\\(.)/g, '$1')
  return BARE.test(text) ? text : undefined
}

function refused(text: string): Error {
  return new errors.VALIDATION_FAILED().at(`headers.${HEADER}`, text)
}
