import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import {
  type FastifyHttpOptions,
  type FastifyInstance,
  LogController,
  type RawServerDefault,
} from 'fastify'
import { clientAddress } from '../../plugins/client-address.ts'
import { sendError } from '../../plugins/errors/error-handler.ts'
import { REFUSED, refuseBeforeRouting } from '../../plugins/errors/raw-errors.ts'
import { DOCUMENTED_AS } from '../../plugins/openapi/documented-as.ts'
import { loggedPath } from '../../plugins/request-log.ts'
import { responseHeaders } from '../../plugins/response-headers.ts'
import { formats } from '../../routes/common/schemas.ts'
import { withoutAppendedPath } from '../../routes/verify/requirements.ts'
import { type Config, splitList } from '../config/config.ts'
import { compilersFactory } from './compilers.ts'
import { type LogStream, loggerOptions } from './logger.ts'
import { RequestLogger } from './request-logger.ts'

const BODY_LIMIT_BYTES = 16 * 1024
const HEADERS_LIMIT_BYTES = 16 * 1024
/** The maximum length of a path, so that the schema refuses a long id with a 400. */
export const MAX_PARAM_LENGTH = HEADERS_LIMIT_BYTES
/** For the whole request with its body. */
const REQUEST_TIMEOUT_MS = 30_000
const HEADERS_TIMEOUT_MS = 10_000
/** How often Node checks both timeouts. */
const TIMEOUTS_CHECKED_MS = 2_000
/** Longer than the 60 s for which proxies and load tools keep an idle connection. */
const KEEP_ALIVE_TIMEOUT_MS = 72_000

/** The request ids that the server takes from a client, for a response header and the log. */
const VALID_REQUEST_ID = /^[A-Za-z0-9._:-]{1,64}$/

/** The options of the server, in production and in the tests. */
export function serverOptions(
  config: Config,
  logStream: LogStream,
): FastifyHttpOptions<RawServerDefault> {
  const headers = responseHeaders({ tls: config.COOKIE_SECURE })
  return {
    logger: loggerOptions(config, logStream),
    logController: new LogController({ disableRequestLogging: true }), // see plugins/request-log
    genReqId: requestId,
    childLoggerFactory: (logger, bindings, options) => new RequestLogger(logger, bindings, options),
    rewriteUrl: ({ url = '/' }) => withoutAppendedPath(url),
    trustProxy: config.TRUST_PROXY ? splitList(config.TRUST_PROXY) : false,
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    // Requests during shutdown are served, with `connection: close`.
    return503OnClosing: false,
    http: {
      maxHeaderSize: HEADERS_LIMIT_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUTS_CHECKED_MS,
      requireHostHeader: false, // response-headers refuses it, with a body
    },
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    schemaController: { compilersFactory },
    ajv: {
      customOptions: {
        coerceTypes: false,
        removeAdditional: false,
        verbose: true, // messages may quote the description of the schema
        keywords: [DOCUMENTED_AS],
        formats,
        allErrors: true, // bounded by the limits of the body and of the response
      },
    },
    frameworkErrors: (error, request, reply) => {
      reply.headers(headers).header('x-request-id', request.id)
      sendError(error, request, reply)
      request.log.info(
        {
          method: request.method,
          path: loggedPath(request.url),
          code: request.errorCode,
          status: reply.statusCode,
          address: clientAddress(request),
        },
        REFUSED,
      )
    },
    clientErrorHandler(this: FastifyInstance, error, socket) {
      refuseBeforeRouting(error, socket, headers, this.log)
    },
  }
}

function requestId({ headers }: { headers: IncomingMessage['headers'] }): string {
  const sent = headers['x-request-id']
  return typeof sent === 'string' && VALID_REQUEST_ID.test(sent) ? sent : randomUUID()
}
