import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Nearly every program gets them. */
const USUAL_SETTINGS = [
  'BCRYPT_COST',
  'DATABASE_URL',
  'LOG_FORMAT',
  'NODE_ENV',
  'PORT',
  'RATE_LIMIT_ENABLED',
  'SESSION_SECRET',
]
/** A command has one word or two. */
const COMMAND_WORDS = 2

/**
 * A process with coverage needs twice the processor time, and writes 2 MB for the report. Another
 * run of the same command, with the same unusual settings, covers little that is new.
 *
 * @returns the value of NODE_V8_COVERAGE for the process: empty if another one of the run has measured it
 */
export function coverageOf(
  [script = '', ...args]: string[],
  environment: Record<string, string>,
): string {
  const { NODE_V8_COVERAGE, MEASURED_PROGRAMS } = process.env
  if (!NODE_V8_COVERAGE || !MEASURED_PROGRAMS) return ''
  const command = args.filter((word) => /^[a-z][a-z-]*$/.test(word)).slice(0, COMMAND_WORDS)
  const settings = Object.keys(environment).filter((name) => !USUAL_SETTINGS.includes(name))
  const program = [script, ...command, ...settings.sort()].join(' ')
  const mark = join(MEASURED_PROGRAMS, createHash('sha256').update(program).digest('hex'))
  try {
    writeFileSync(mark, '', { flag: 'wx' }) // the processes of a run share the folder
    return NODE_V8_COVERAGE
  } catch {
    return ''
  }
}
