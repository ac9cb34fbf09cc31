import { randomUUID } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyBaseLogger } from 'fastify'
import fp from 'fastify-plugin'
import { connectionOf } from '../connections/connection.ts'
import { type Headers, type ResponseHeadersOptions, responseHeaders } from '../response-headers.ts'
import { renderError, toCodedError } from './error-response.ts'
import { type CodedError, errors } from './errors.ts'

/** The log message of requests that never reach a route. */
export const REFUSED = 'request refused before routing'

/** How long a refused client may take to read the response. */
const LINGER_MS = 1_000

/**
 * Replaces two responses of Node: to `CONNECT`, where Node closes the connection, and to an unknown
 * `Expect`, where Node sends an empty 417. RFC 9110 10.1.1 lets a server ignore that header.
 */
export default fp<ResponseHeadersOptions>(
  async (app, options) => {
    const headers = responseHeaders(options)
    app.server.on('connect', (_request, socket) => {
      refuseBeforeRouting(new errors.BAD_REQUEST(), socket, headers, app.log)
    })
    app.server.on('checkExpectation', (request, response) => {
      app.server.emit('request', request, response)
    })
  },
  { name: 'raw-errors', dependencies: ['connections'] },
)

/**
 * Answers what Node's HTTP parser refuses: there is no request to route, only a socket. The body
 * and the headers are those of any other error.
 */
export function refuseBeforeRouting(
  error: Error,
  socket: Duplex,
  headers: Headers,
  log: FastifyBaseLogger,
): void {
  const isGone = 'code' in error && error.code === 'ECONNRESET'
  if (isGone || !socket.writable || connectionOf(socket)?.isAnsweredEarly) {
    socket.destroy()
    return
  }
  const connection = connectionOf(socket)
  if (connection?.isRefused) return // the parser reports each further chunk
  if (connection) connection.isRefused = true
  const known = toCodedError(error)
  // The client causes every error of the parser.
  const coded = known.statusCode < 500 ? known : new errors.BAD_REQUEST()
  const address = 'remoteAddress' in socket ? socket.remoteAddress : undefined
  log.info({ status: coded.statusCode, code: coded.code, address }, REFUSED)
  answer(socket, coded, headers)
}

function answer(socket: Duplex, coded: CodedError, headers: Headers): void {
  const connection = connectionOf(socket)
  const pending = connection?.pending()
  if (!pending && connection?.isAnsweredEarly) socket.destroy()
  else if (!pending) send(socket, coded, headers)
  // Checks again then, because the current response may follow the previous one.
  else pending.once('finish', () => setImmediate(answer, socket, coded, headers))
}

function send(socket: Duplex, coded: CodedError, headers: Headers): void {
  if (!socket.writable) return
  const { headers: described, body } = renderError(coded, undefined)
  const lines = Object.entries({
    ...headers,
    'x-request-id': randomUUID(),
    ...described,
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}`)
  const status = `HTTP/1.1 ${coded.statusCode} ${STATUS_CODES[coded.statusCode]}`
  socket.end([status, ...lines, '', body].join('\r\n'))
  setTimeout(() => socket.destroy(), LINGER_MS).unref()
}
