import { STATUS_CODES } from 'node:http'
import type { TestContext } from 'node:test'
import { type ErrorCode, errors } from '../../../plugins/errors/errors.ts'

interface Answer {
  statusCode: number
  headers: Record<string, unknown>
  body: string
}

/** Signs of what only the log may contain: SQL, a stack, a path of the server, a hash. */
const LEAK =
  /\b(insert into|delete from|update `|from `|errno|sqlstate)|\.ts:\d|node_modules|\bat \w+ ?\(|\/(home|usr|var|tmp|work)\/|\$2[aby]\$/i

/**
 * Asserts that a response is an error in the common shape, with a code of the closed list, and
 * reveals nothing about the server.
 *
 * @param paths the fields with validation errors, in any order; undefined if the error has none
 */
export function assertError(
  t: TestContext,
  answer: Answer,
  statusCode: number,
  code?: ErrorCode,
  paths?: string[],
): void {
  t.assert.strictEqual(answer.statusCode, statusCode, answer.body)
  const { errors: faults, ...rest } = JSON.parse(answer.body)
  t.assert.deepStrictEqual(Object.keys(rest), ['statusCode', 'code', 'error', 'message'])
  t.assert.strictEqual(rest.statusCode, statusCode)
  t.assert.strictEqual(rest.error, STATUS_CODES[statusCode])
  t.assert.ok(Object.hasOwn(errors, rest.code), `${rest.code} is on the list`)
  t.assert.match(rest.message, /^[A-Z].*\.$/)
  t.assert.strictEqual(answer.headers['content-type'], 'application/json')
  t.assert.strictEqual(answer.headers['cache-control'], 'no-store')
  t.assert.match(String(answer.headers['x-request-id']), /^[A-Za-z0-9._:-]{1,64}$/)
  // RFC 9110 15.5.2, RFC 6585 4 and RFC 9110 15.6.4
  if (statusCode === 401) t.assert.match(String(answer.headers['www-authenticate']), /^Bearer /)
  if ([429, 503].includes(statusCode)) t.assert.ok(Number(answer.headers['retry-after']) >= 1)
  t.assert.doesNotMatch(answer.body, LEAK)
  if (code !== undefined) {
    t.assert.strictEqual(rest.code, code, answer.body)
    t.assert.deepStrictEqual(pathsOf(faults)?.sort(), paths && [...paths].sort(), answer.body)
  }
}

function pathsOf(faults: { path: string; message: string }[] | undefined): string[] | undefined {
  return faults?.map(({ path }) => path)
}
