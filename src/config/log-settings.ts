import { Type } from '@sinclair/typebox'

/** The settings of the log and of timings, a part of `Environment`. */
export const logSettings = {
  LOG_LEVEL: Type.Unsafe<'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'>({
    type: 'string',
    enum: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    default: 'info',
    title: '`fatal`, `error`, `warn`, `info`, `debug`, `trace` or `silent`',
    description: 'Lowest level that is logged',
  }),
  SERVER_TIMING: Type.Boolean({
    default: false,
    title: '`true` or `false`',
    description: 'Sends processing times in the `Server-Timing` header',
  }),
}
