import type { FastifyBaseLogger } from 'fastify'
import fp from 'fastify-plugin'
import { adviceFor, databaseFault } from '../db/errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    faultLog: FaultLog
  }
}

interface FaultLog {
  /**
   * Logs a fault as a warning. While it repeats, one line each 10 s has the number of repetitions.
   *
   * @param message what failed
   * @param log the logger of the request, if there is one
   */
  report(error: unknown, message: string, log?: FastifyBaseLogger): void
}

const INTERVAL_MS = 10_000

/** What is known of a fault that may repeat. */
interface Repetition {
  code: string
  message: string
  /** Since the last line. */
  count: number
}

/**
 * Decorates `faultLog`. A fault of the database or a full queue fails thousands of requests for the
 * same reason: a line for each would fill the disk and hide what else is in the log.
 */
export default fp(
  async (app) => {
    /** By code and message: a few at any time. */
    const repetitions = new Map<string, Repetition>()
    let timer: NodeJS.Timeout | undefined

    function logCounts(): void {
      for (const [key, repetition] of repetitions) {
        const { code, message, count } = repetition
        if (count === 0) repetitions.delete(key)
        else app.log.warn({ code, count, seconds: INTERVAL_MS / 1_000 }, message)
        repetition.count = 0
      }
      if (repetitions.size > 0) return
      clearInterval(timer)
      timer = undefined
    }

    app.decorate('faultLog', {
      report(error, message, log = app.log) {
        const fault = databaseFault(error)
        const code = fault?.code ?? codeOf(error)
        const key = `${code} ${message}`
        const repetition = repetitions.get(key)
        if (repetition) {
          repetition.count++
          return
        }
        const advice = fault && adviceFor(fault)
        log.warn({ err: toError(error), ...(advice && { advice }) }, message)
        repetitions.set(key, { code, message: `${message}, repeatedly`, count: 0 })
        timer ??= setInterval(logCounts, INTERVAL_MS).unref()
      },
    })
    app.addHook('onClose', async () => {
      clearInterval(timer)
      logCounts()
    })
  },
  { name: 'fault-log' },
)

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'UNKNOWN'
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
