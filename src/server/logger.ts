import type { FastifyServerOptions } from 'fastify'
import pretty from 'pino-pretty'
import { databaseFault } from '../../db/errors.ts'
import type { Config } from '../config/config.ts'

type LoggerOptions = Exclude<FastifyServerOptions['logger'], boolean | undefined>
/** Receives the lines of the log. */
export type LogStream = Exclude<LoggerOptions['stream'], undefined>

/** Enough of a request id to distinguish the requests on one terminal. */
const SHORT_ID_LENGTH = 8

/** @param stream where the lines go */
export function loggerOptions(config: Config, stream: LogStream): LoggerOptions {
  return { level: config.LOG_LEVEL, serializers: { err: serializeError }, stream }
}

/** Whether the lines of plugins/request-log.ts, which have the level `info`, are logged. */
export function isRequestLogged({ LOG_LEVEL }: Config): boolean {
  return LOG_LEVEL === 'info' || LOG_LEVEL === 'debug' || LOG_LEVEL === 'trace'
}

/** Writes JSON lines to standard output, or lines for people if that is a terminal. */
export function standardOutput(): LogStream {
  if (!process.stdout.isTTY) return process.stdout
  return pretty({
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pid,hostname,reqId',
    messageFormat: ({ reqId, msg }) =>
      typeof reqId === 'string' ? `${reqId.slice(0, SHORT_ID_LENGTH)} ${msg}` : String(msg),
    singleLine: true,
    sync: true, // the last line is written before the process exits
  })
}

/**
 * An error as the log shows it. A database error holds the parameters of its query in `message`,
 * `sql` and `cause`, password hashes among them: only its codes and its stack frames are logged.
 */
function serializeError(error: Error) {
  const type = error.constructor.name
  const stack = framesOf(error)
  const fault = databaseFault(error)
  if (fault) return { type, message: 'database error', ...fault, stack }
  return { type, message: error.message, ...('code' in error && { code: error.code }), stack }
}

/** @returns the stack without its first lines, which repeat the message */
function framesOf(error: Error): string {
  const lines = error.stack?.split('\n') ?? []
  return lines.filter((line) => line.trimStart().startsWith('at ')).join('\n')
}
