import type { Command } from 'commander'
import { migrateDatabase } from '../../config/resolve.ts'
import { example } from '../options.ts'
import { withDatabase } from '../with-database.ts'

export function addMigrate(program: Command): void {
  program
    .command('migrate')
    .description(
      'Applies the migrations that the database lacks. Only one process does so at a time.',
    )
    .addHelpText('after', example('migrate'))
    .action(() =>
      withDatabase(async (url) => {
        const applied = await migrateDatabase(url)
        console.log(applied ? `Migrations applied: ${applied}.` : 'The schema is up to date.')
      }),
    )
}
