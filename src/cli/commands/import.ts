import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { closeDatabase, openDatabase } from '../../../db/client.ts'
import { forgetImported } from '../../../db/queries/imports/delete.ts'
import { hashConcurrency } from '../../config/capacity.ts'
import { type Config, sourcePassword } from '../../config/config.ts'
import { importAccounts } from '../../import/import.ts'
import { describe, type ImportReport, refusalItem, summarize } from '../../import/report.ts'
import { accountFile } from '../../import/sources/file.ts'
import { flaskDatabase, isMysqlUrl } from '../../import/sources/flask-database.ts'
import type { Source } from '../../import/sources/source.ts'
import { FailedUsage } from '../exit-code.ts'
import { commandOrigin } from '../operator.ts'
import { example, JSON_OPTION, MAX_COUNT, wholeNumber } from '../options.ts'
import { print, toJson, visible } from '../output/output.ts'
import { commandPasswords } from '../password.ts'
import { showProgressBar } from '../progress-bar.ts'
import { connected, withDatabase } from '../with-database.ts'

/** Some rows were refused; all others are stored. */
const EXIT_REFUSED = 2
/** One transaction stores everything: a million accounts take a few minutes. */
const TIMEOUT_MS = 60 * 60 * 1_000
const DEFAULT_RESERVED_IDS = 100_000

interface ImportFlags {
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
      wholeNumber(0, MAX_COUNT),
      DEFAULT_RESERVED_IDS,
    )
    .option('--delete-missing', 'delete accounts that were imported and are gone from the source')
    .option(...JSON_OPTION)
    .option('--forget', 'forget what was imported, after the move: no source is read')
    .addHelpText(
      'after',
      '\nExit codes: 0 all rows are imported, 2 some rows were refused, 1 failure: nothing is stored.',
    )
    .addHelpText(
      'after',
      example('import mysql://reader@127.0.0.1:3306/flask-crud --dry-run --rejects rejects.ndjson'),
    )
    // 2 means refused rows, so wrong usage is a failure.
    .exitOverride((error) => {
      throw new FailedUsage(error.exitCode, error.code, error.message)
    })
    .action(async (source: string | undefined, flags: ImportFlags) => {
      checkUsage(command, source, flags)
      await withDatabase((url, config) =>
        source === undefined ? forget(url, config) : importFrom(source, url, config, flags),
      )
    })
}

/** Ends the command unless it has either a source or `--forget` alone. */
function checkUsage(
  command: Command,
  source: string | undefined,
  { forget, rejects }: ImportFlags,
): void {
  if ((source === undefined) !== (forget === true)) {
    command.error('error: give either a source or --forget')
  }
  const given = command.options
    .map((option) => option.attributeName())
    .filter((name) => command.getOptionValueSource(name) === 'cli')
  if (source !== undefined && rejects !== undefined && resolve(source) === resolve(rejects)) {
    command.error('error: --rejects would overwrite the source')
  }
  if (forget && given.length > 1) command.error('error: --forget takes no other option')
}

async function importFrom(
  text: string,
  url: string,
  config: Config,
  flags: ImportFlags,
): Promise<void> {
  const source: Source = isMysqlUrl(text)
    ? flaskDatabase(text, { table: flags.table, password: sourcePassword() })
    : accountFile(text)
  const concurrency = hashConcurrency(config)
  const passwords = await commandPasswords(config, concurrency)
  // Before anything is stored, so that a file that cannot be written is a failure.
  const rejects = flags.rejects === undefined ? undefined : await openRejects(flags.rejects)
  // One connection for the lock, one for the work.
  const db = openDatabase(url, {
    connections: 2,
    timeoutMs: TIMEOUT_MS,
    consistency: config.DATABASE_CONSISTENCY,
  })
  try {
    const report = await importAccounts(db, {
      source,
      origin: commandOrigin(),
      passwords,
      hashConcurrency: concurrency,
      reservedIds: flags.reserveIds,
      deleteMissing: flags.deleteMissing ?? false,
      isDryRun: flags.dryRun ?? false,
      showProgress: (phase, total) =>
        showProgressBar(total, phase === 'hashing' ? 'passwords hashed' : 'accounts stored'),
    })
    if (report.refusals.length > 0) process.exitCode = EXIT_REFUSED
    try {
      await printReport(report, flags)
    } finally {
      await rejects?.finish(report)
    }
  } finally {
    await rejects?.close()
    await closeDatabase(db)
  }
}

async function printReport(report: ImportReport, { json, rejects }: ImportFlags): Promise<void> {
  const listRefusals = rejects === undefined
  if (!json) return print(...describe(report, { listRefusals }).map(visible))
  const refusals = listRefusals ? { refusals: report.refusals.map(refusalItem) } : {}
  await print(toJson({ ...summarize(report), ...refusals }))
}

/**
 * Opens the file of refused rows. It gets its name when it is complete. It holds usernames, so only
 * its owner may read it.
 */
async function openRejects(file: string) {
  const existing = await stat(file).catch(() => undefined)
  if (existing && !existing.isFile()) throw new Error(`${file} is not a file.`)
  const part = `${file}.part`
  await rm(part, { force: true }) // a killed process may have left it
  const handle: FileHandle = await open(part, 'wx', 0o600)
  return {
    async finish({ refusals }: ImportReport): Promise<void> {
      const lines = refusals.map((refusal) => `${toJson(refusalItem(refusal))}\n`)
      await handle.write(lines.join(''))
      await rename(part, file)
    },
    /** Deletes what is not finished. */
    async close(): Promise<void> {
      await handle.close()
      await rm(part, { force: true })
    },
  }
}

async function forget(url: string, config: Config): Promise<void> {
  const count = await connected(url, config, forgetImported)
  await print(
    `Forgot ${count} imported accounts. The accounts stay. Their Flask cookies are no longer exchanged.`,
  )
}
