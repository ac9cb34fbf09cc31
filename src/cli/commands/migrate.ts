import type { Command } from 'commander'
import { readSchemaState } from '../../../db/migrate.ts'
import { type Config, loadConfig, readEnvironment } from '../../config/config.ts'
import { migrateDatabase } from '../../config/resolve.ts'
import { EXIT_FAILED } from '../exit-code.ts'
import { example } from '../options.ts'
import { connected, withDatabase } from '../with-database.ts'

export function addMigrate(program: Command): void {
  program
    .command('migrate')
    .description(
      'Applies the migrations that the database lacks. Only one process does so at a time.',
    )
    .option('--check', 'change nothing; list what is pending, and end with 1 if anything is')
    .option('--dry-run', 'change nothing; print the SQL of what is pending')
    .addHelpText('after', example('migrate --check'))
    .action(async ({ check = false, dryRun = false }: { check?: boolean; dryRun?: boolean }) => {
      if (check || dryRun) await showPending({ check, dryRun })
      else await withDatabase(apply)
    })
}

async function apply(url: string, { DATABASE_CONSISTENCY }: Config): Promise<void> {
  const applied = await migrateDatabase(url, DATABASE_CONSISTENCY)
  console.log(applied ? `Migrations applied: ${applied}.` : UP_TO_DATE)
}

const UP_TO_DATE = 'The schema is up to date.'

/** Reads DATABASE_URL only: to open the private database would migrate it. */
async function showPending({ check, dryRun }: { check: boolean; dryRun: boolean }): Promise<void> {
  const config = loadConfig(readEnvironment())
  const { DATABASE_URL } = config
  if (DATABASE_URL === undefined) {
    throw new Error('The private database is migrated when it is opened. Set DATABASE_URL.')
  }
  const { pending, isNewer } = await connected(DATABASE_URL, config, readSchemaState)
  const say = (text: string) => console.log(dryRun ? `-- ${text}` : text)
  if (isNewer) say('A newer version has migrated the database.')
  if (pending.length === 0) say(UP_TO_DATE)
  for (const { name, statements } of pending) {
    if (!dryRun) console.log(`Pending: ${name}`)
    else console.log([`-- ${name}`, ...statements, ''].join('\n'))
  }
  if (check && pending.length > 0) process.exitCode = EXIT_FAILED
}
