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
  LOG_FORMAT: Type.Unsafe<'auto' | 'json' | 'json-names' | 'pretty'>({
    type: 'string',
    enum: ['auto', 'json', 'json-names', 'pretty'],
    default: 'auto',
    title: '`auto`, `json`, `json-names` or `pretty`',
    description:
      'Form of the log: JSON with numbers as levels and times, JSON with level names and ISO 8601 times in UTC, or lines for people. `auto` is `pretty` on a terminal and `json` elsewhere',
  }),
  SERVER_TIMING: Type.Boolean({
    default: false,
    title: '`true` or `false`',
    description: 'Sends processing times in the `Server-Timing` header',
  }),
}
