import { type Command, InvalidArgumentError } from 'commander'
import { loadConfig, readEnvironment } from '../../config/config.ts'
import { ConfigError } from '../../config/config-error.ts'
import { showProgress } from '../../config/progress.ts'
import { type Check, fail } from '../../doctor/checks/check.ts'
import { EXIT_FAILED } from '../exit-code.ts'
import { example, JSON_OPTION, type OutputOptions } from '../options.ts'
import { print, toJson, visible } from '../output/output.ts'
import { withDatabase } from '../with-database.ts'

const SUBJECT_WIDTH = 16

interface Options extends OutputOptions {
  url?: URL
  capacity?: true
}

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description(
      'Checks the settings and the database, and says what to do. In a checkout without DATABASE_URL, it opens the private database, as `npm start` does.',
    )
    .option(
      '--url <url>',
      'also check the cookie and the proxy: sends requests to the public URL, among them one failed login of a random name, which the audit trail records',
      publicUrl,
    )
    .option(
      '--capacity',
      'instead, measure for about ten seconds how many logins and reads this machine serves, without changing anything',
    )
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      '\nExit codes: 0 no check failed, 1 a check or the command failed, 2 wrong usage. Warnings do not change the exit code.',
    )
    .addHelpText(
      'after',
      example('doctor --json', 'doctor --url https://accounts.example', 'doctor --capacity'),
    )
    .action(({ json, url, capacity }: Options, command: Command) => {
      if (url && capacity) command.error('error: --url and --capacity exclude each other')
      const invalid = invalidSettings()
      if (invalid.length > 0) return printChecks(invalid, json)
      return withDatabase(async (databaseUrl, config) => {
        if (capacity) {
          // It has the whole server, which other commands need not load.
          const { measureCapacity } = await import('../../doctor/capacity/capacity.ts')
          const { describeCapacity } = await import('../../doctor/capacity/describe.ts')
          const measured = await measureCapacity(databaseUrl, config, (what) =>
            showProgress(`measuring ${what}`),
          )
          return print(...(json ? [toJson(measured)] : describeCapacity(measured)))
        }
        const { runChecks } = await import('../../doctor/checks/run-checks.ts')
        await printChecks(await runChecks(databaseUrl, config, url), json)
      })
    })
}

/** @returns a failed check for each setting that is not valid: nothing else can be checked then */
function invalidSettings(): Check[] {
  try {
    loadConfig(readEnvironment())
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const todo = 'Correct it in the environment or in .env'
    return error.problems.map((problem) => fail('settings', problem, todo))
  }
}

async function printChecks(checks: Check[], json: true | undefined): Promise<void> {
  await print(...(json ? [toJson(checks)] : checks.flatMap(describe).map(visible)))
  if (checks.some(({ status }) => status === 'fail')) process.exitCode = EXIT_FAILED
}

/** A path is allowed: a proxy can serve Gatehouse under one. */
function publicUrl(text: string): URL {
  if (/^https?:\/\//i.test(text) && URL.canParse(text)) {
    const url = new URL(text)
    if (url.username === '' && url.password === '' && url.search === '' && url.hash === '') {
      return url
    }
  }
  throw new InvalidArgumentError('It must be a URL such as https://accounts.example.')
}

/** @returns the lines of a check. A statement at the end keeps its semicolon, to be copied */
function describe(check: Check): string[] {
  const line = `${check.status.padEnd(4)}  ${check.subject.padEnd(SUBJECT_WIDTH)}${check.text}`
  if (check.status === 'ok') return [line]
  const end = check.todo.endsWith(';') ? '' : '.'
  return [line, `${' '.repeat(6 + SUBJECT_WIDTH)}${check.todo}${end}`]
}
