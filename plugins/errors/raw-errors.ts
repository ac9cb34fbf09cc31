import { randomUUID } from 'node:crypto'
import { ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyBaseLogger } from 'fastify'
import fp from 'fastify-plugin'
import { type Headers, type ResponseHeadersOptions, responseHeaders } from '../response-headers.ts'
import { renderError, toCodedError } from './error-response.ts'
import { type CodedError, errors } from './errors.ts'

/** The log's word for what no route has seen. */
export const REFUSED = 'request refused before routing'

/** How long a refused client may take to read why, in ms. */
const LINGER_MS = 1_000

/**
 * Takes what Node would answer by itself and in its own way: `CONNECT`, by hanging up, and an
 * `Expect` that it doesn't know, by an empty 417. RFC 9110 10.1.1 lets a server pass over that.
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
  { name: 'raw-errors' },
)

/**
 * Answers what Node's parser refused: there is no request to route, only a socket. The body and
 * the headers are those of any other error.
 */
export function refuseBeforeRouting(
  error: Error,
  socket: Duplex,
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
  const address = 'remoteAddress' in socket ? socket.remoteAddress : undefined
  log.info({ status: told.statusCode, code: told.code, address }, REFUSED)
  answer(socket, told, headers)
}

/**
 * Requests that came whole before the bad bytes are answered first: another answer in place of
 * theirs would be a lie. One whose body holds the bad bytes waits for nothing.
 */
function pendingResponse(socket: Duplex): ServerResponse | undefined {
  // Where Node keeps the response that is being made on a connection; its own handler looks there.
  const current = '_httpMessage' in socket ? socket._httpMessage : undefined
  const isPending = current instanceof ServerResponse && !current.writableFinished
  return isPending && current.req.complete ? current : undefined
}

function answer(socket: Duplex, told: CodedError, headers: Headers): void {
  const pending = pendingResponse(socket)
  if (pending) return void pending.once('finish', () => setImmediate(answer, socket, told, headers))
  if (!socket.writable) return
  const { headers: described, body } = renderError(told, undefined)
  const lines = Object.entries({
    ...headers,
    'x-request-id': randomUUID(),
    ...described,
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}`)
  const status = `HTTP/1.1 ${told.statusCode} ${STATUS_CODES[told.statusCode]}`
  socket.end([status, ...lines, '', body].join('\r\n'))
  setTimeout(() => socket.destroy(), LINGER_MS).unref()
}
