import type { FastifyServerOptions } from 'fastify'
import pretty from 'pino-pretty'
import { databaseFault } from '../../db/errors.ts'
import type { Config } from '../config/config.ts'

type LoggerOptions = Exclude<FastifyServerOptions['logger'], boolean | undefined>
/** Takes the log's lines. */
export type LogStream = Exclude<LoggerOptions['stream'], undefined>

/** @param stream where the lines go */
export function loggerOptions(config: Config, stream: LogStream): LoggerOptions {
  return { level: config.LOG_LEVEL, serializers: { err: serializeError }, stream }
}

/** Whether the lines that plugins/request-log writes, of level `info`, are wanted at all. */
export function isRequestLogged({ LOG_LEVEL }: Config): boolean {
  return LOG_LEVEL === 'info' || LOG_LEVEL === 'debug' || LOG_LEVEL === 'trace'
}

/** JSON lines on standard output; pretty ones on a terminal. */
export function standardOutput(): LogStream {
  if (!process.stdout.isTTY) return process.stdout
  return pretty({ colorize: true, ignore: 'pid,hostname', singleLine: true })
}

/**
 * An error as the log may show it. Those of the database hold the parameters of the query in
 * their message, `sql` and `cause`, password hashes among them: of these only the codes and the
 * places in the code remain.
 */
function serializeError(error: Error) {
  const type = error.constructor.name
  const stack = framesOf(error)
  const fault = databaseFault(error)
  if (fault) return { type, message: 'database error', ...fault, stack }
  return { type, message: error.message, ...('code' in error && { code: error.code }), stack }
}

/** The stack without its first lines, which repeat the message. */
function framesOf(error: Error): string {
  const lines = error.stack?.split('\n') ?? []
  return lines.filter((line) => line.trimStart().startsWith('at ')).join('\n')
}
