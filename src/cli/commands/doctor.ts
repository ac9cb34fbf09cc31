import type { Command } from 'commander'
import { closeDatabase, openDatabase } from '../../../db/client.ts'
import type { Config } from '../../config/config.ts'
import type { Check } from '../../doctor/check.ts'
import { checkDatabase } from '../../doctor/database.ts'
import { checkSettings } from '../../doctor/settings.ts'
import { EXIT_FAILED } from '../exit-code.ts'
import { example, JSON_OPTION, type OutputOptions } from '../options.ts'
import { print, toJson, visible } from '../output/output.ts'
import { withDatabase } from '../with-database.ts'

const TIMEOUT_MS = 5_000
const SUBJECT_WIDTH = 16

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description(
      'Checks the settings and the database, and says what to do. In a checkout without DATABASE_URL, it opens the private database, as `npm start` does.',
    )
    .option(...JSON_OPTION)
    .addHelpText('after', '\nExit codes: 0 no check failed, 1 a check failed.')
    .addHelpText('after', example('doctor --json'))
    .action(({ json }: OutputOptions) =>
      withDatabase(async (url, config) => {
        const checks = await runChecks(url, config)
        await print(...(json ? [toJson(checks)] : checks.flatMap(describe).map(visible)))
        if (checks.some(({ status }) => status === 'fail')) process.exitCode = EXIT_FAILED
      }),
    )
}

async function runChecks(url: string, config: Config): Promise<Check[]> {
  const db = openDatabase(url, { connections: 1, timeoutMs: TIMEOUT_MS })
  try {
    return [...checkSettings(config), ...(await checkDatabase(db))]
  } finally {
    await closeDatabase(db)
  }
}

/** @returns the lines of a check */
function describe(check: Check): string[] {
  const line = `${check.status.padEnd(4)}  ${check.subject.padEnd(SUBJECT_WIDTH)}${check.text}`
  return check.status === 'ok' ? [line] : [line, `${' '.repeat(6 + SUBJECT_WIDTH)}${check.todo}.`]
}
