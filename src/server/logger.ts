import type { FastifyBaseLogger, FastifyServerOptions } from 'fastify'
import { pino, stdTimeFunctions } from 'pino'
import { prettyFactory } from 'pino-pretty'
import { databaseFault } from '../../db/errors.ts'
import type { Config } from '../config/config.ts'
import type { ShutdownReport } from '../process/shutdown.ts'

type LoggerOptions = Exclude<FastifyServerOptions['logger'], boolean | undefined>
/** Receives the lines of the log. */
export type LogStream = Exclude<LoggerOptions['stream'], undefined>

/** Enough of a request id to distinguish the requests on one terminal. */
const SHORT_ID_LENGTH = 8

/** @param stream where the lines go */
export function loggerOptions(config: Config, stream: LogStream): LoggerOptions {
  return {
    level: config.LOG_LEVEL,
    serializers: { err: serializeError },
    stream,
    ...(config.LOG_FORMAT === 'json-names' && {
      formatters: { level: (name) => ({ level: name }) },
      timestamp: stdTimeFunctions.isoTime,
    }),
  }
}

/** Whether the lines of plugins/request-log.ts, which have the level `info`, are logged. */
export function isRequestLogged({ LOG_LEVEL }: Config): boolean {
  return LOG_LEVEL === 'info' || LOG_LEVEL === 'debug' || LOG_LEVEL === 'trace'
}

/** Writes JSON lines or lines for people to standard output. */
export function standardOutput({ LOG_FORMAT }: Pick<Config, 'LOG_FORMAT'>): LogStream {
  const isPretty = LOG_FORMAT === 'pretty' || (LOG_FORMAT === 'auto' && process.stdout.isTTY)
  if (!isPretty) return process.stdout
  const format = prettyFactory({
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pid,hostname,reqId,spanId',
    messageFormat: ({ reqId, msg }) =>
      typeof reqId === 'string' ? `${reqId.slice(0, SHORT_ID_LENGTH)} ${msg}` : String(msg),
    singleLine: true,
  })
  return { write: (line) => process.stdout.write(format(line)) }
}

/**
 * Opens the log of this process.
 *
 * @returns the log, and its stream for the server, whose logger adds ids to the lines of requests
 */
export function openLog(config: Config) {
  const stream = standardOutput(config)
  const { stream: _, ...options } = loggerOptions(config, stream)
  return { log: pino(options, stream), stream }
}

/** Logs how the process ends. On Linux, standard output is synchronous, so the line is written by then. */
export function logShutdown(
  log: Pick<FastifyBaseLogger, 'info' | 'warn'>,
  { notClosed, ...report }: ShutdownReport,
): void {
  if (notClosed.length === 0) log.info(report, 'Shutdown complete')
  else log.warn({ ...report, notClosed }, 'Shutdown incomplete')
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
