import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyBaseLogger } from 'fastify'
import { renderError, toCodedError } from './error-response.ts'
import { errors } from './errors.ts'
import type { Headers } from './response-headers.ts'

/** How long a refused client may take to read why, in ms. */
const LINGER_MS = 1_000

/**
 * Answers what Node's parser refused: there is no request to route, only a socket. The body and
 * the headers are those of any other error.
 */
export function refuseBeforeRouting(
  error: Error,
  socket: Socket,
  headers: Headers,
  log: FastifyBaseLogger,
): void {
  const isGone = 'code' in error && error.code === 'ECONNRESET'
  if (isGone || !socket.writable) {
    socket.destroy()
    return
  }
  const known = toCodedError(error)
  // The parser's own codes are all the client's doing.
  const told = known.statusCode < 500 ? known : new errors.BAD_REQUEST()
  log.info(
    { status: told.statusCode, code: told.code, address: socket.remoteAddress },
    'request refused before routing',
  )
  const { headers: described, body } = renderError(told, undefined)
  const lines = Object.entries({
    ...headers,
    ...described,
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}`)
  const status = `HTTP/1.1 ${told.statusCode} ${STATUS_CODES[told.statusCode]}`
  socket.end([status, ...lines, '', body].join('\r\n'))
  setTimeout(() => socket.destroy(), LINGER_MS).unref()
}
