import { rename, rm, writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { closeDatabase, openDatabase } from '../../../db/client.ts'
import { forgetImported } from '../../../db/queries/imports/find.ts'
import { createPasswords } from '../../../plugins/passwords/passwords.ts'
import { hashConcurrency } from '../../config/capacity.ts'
import { type Config, sourcePassword } from '../../config/config.ts'
import { importAccounts } from '../../import/import.ts'
import { describe, type ImportReport, refusalLine, summarize } from '../../import/report.ts'
import { accountFile } from '../../import/sources/file.ts'
import { flaskDatabase, isDatabaseUrl } from '../../import/sources/flask-database.ts'
import type { Source } from '../../import/sources/source.ts'
import { FailedUsage } from '../exit-code.ts'
import { commandOrigin } from '../operator.ts'
import { wholeNumber } from '../options.ts'
import { showProgressBar } from '../progress-bar.ts'
import { withDatabase } from '../with-database.ts'

/** Some rows were refused; all others are stored. */
const EXIT_REFUSED = 2
/** One transaction stores everything: a million accounts take a few minutes. */
const TIMEOUT_MS = 60 * 60 * 1_000
const DEFAULT_RESERVED_IDS = 100_000

interface ImportOptions {
  table: string
  rejects?: string
  reserveIds: number
  deleteMissing?: true
  dryRun?: true
  json?: true
  forget?: true
}

export function addImport(program: Command): void {
  const command = program
    .command('import')
    .description('Imports the accounts of a Flask service: see docs/moving-from-flask.md.')
    .argument(
      '[source]',
      'mysql://user@host/database, with the password in MYSQL_PWD, or a file .ndjson, .jsonl or .csv',
    )
    .option('--dry-run', 'check everything, and store nothing')
    .option('--rejects <file>', 'write the refused rows to a file, one JSON object a line')
    .option('--table <name>', 'the table of the source', 'user')
    .option(
      '--reserve-ids <n>',
      'how far above the highest id of the source the ids of new accounts begin',
      wholeNumber(0, 999_999_999),
      DEFAULT_RESERVED_IDS,
    )
    .option('--delete-missing', 'delete accounts that were imported and are gone from the source')
    .option('--json', 'print the report as JSON')
    .option('--forget', 'forget what was imported, after the move: no source is read')
    .addHelpText(
      'after',
      `
Exit codes: 0 all rows are imported, 2 some rows were refused, 1 failure: nothing is stored.

Example:
  gatehouse import mysql://reader@127.0.0.1:3306/flask-crud --dry-run --rejects rejects.ndjson`,
    )
    // 2 means refused rows, so wrong usage is a failure.
    .exitOverride((error) => {
      throw new FailedUsage(error.exitCode, error.code, error.message)
    })
    .action(async (source: string | undefined, options: ImportOptions) => {
      if ((source === undefined) !== (options.forget === true)) {
        command.error('error: give either a source or --forget')
      }
      await withDatabase((url, config) =>
        source === undefined ? forget(url) : importFrom(source, url, config, options),
      )
    })
}

async function importFrom(
  text: string,
  url: string,
  config: Config,
  options: ImportOptions,
): Promise<void> {
  const source: Source = isDatabaseUrl(text)
    ? flaskDatabase(text, { table: options.table, password: sourcePassword() })
    : accountFile(text)
  const concurrency = hashConcurrency(config)
  const passwords = await createPasswords({
    cost: config.BCRYPT_COST,
    minLength: config.PASSWORD_MIN_LENGTH,
    queue: { concurrency, maxWaiting: 0 },
  })
  // One connection for the lock, one for the work.
  const db = openDatabase(url, { connections: 2, timeoutMs: TIMEOUT_MS })
  try {
    const report = await importAccounts(db, {
      source,
      origin: commandOrigin(),
      passwords,
      hashConcurrency: concurrency,
      reservedIds: options.reserveIds,
      deleteMissing: options.deleteMissing ?? false,
      isDryRun: options.dryRun ?? false,
      showProgress: (phase, total) =>
        showProgressBar(total, phase === 'hashing' ? 'passwords hashed' : 'accounts stored'),
    })
    if (options.rejects !== undefined) await writeRejects(options.rejects, report)
    console.log(
      options.json
        ? JSON.stringify({
            ...summarize(report),
            ...(!options.rejects && { refusals: report.refusals }),
          })
        : describe(report, options.rejects === undefined),
    )
    if (report.refusals.length > 0) process.exitCode = EXIT_REFUSED
  } finally {
    await closeDatabase(db)
  }
}

/** The file gets its name when it is complete. It holds usernames, so only its owner may read it. */
async function writeRejects(file: string, { refusals }: ImportReport): Promise<void> {
  const part = `${file}.part`
  await rm(part, { force: true })
  const lines = refusals.map((refusal) => `${refusalLine(refusal)}\n`)
  await writeFile(part, lines.join(''), { mode: 0o600, flag: 'wx' })
  await rename(part, file)
}

async function forget(url: string): Promise<void> {
  const db = openDatabase(url, { connections: 1 })
  try {
    const count = await forgetImported(db)
    console.log(
      `Forgot ${count} imported accounts. They stay; their cookies of the old service are worth nothing.`,
    )
  } finally {
    await closeDatabase(db)
  }
}
