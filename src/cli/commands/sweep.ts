import type { Command } from 'commander'
import { sweep } from '../../../db/queries/sweep.ts'
import { retention } from '../../config/limits.ts'
import { example, JSON_OPTION, type OutputOptions } from '../options.ts'
import { printResult } from '../output/result.ts'
import { withConnection } from '../with-database.ts'

export function addSweep(program: Command): void {
  program
    .command('sweep')
    .description(
      'Deletes ended and expired sessions and tokens, old events, and expired answers for retries, as the server does each minute.',
    )
    .option(...JSON_OPTION)
    .addHelpText('after', example('sweep'))
    .action((options: OutputOptions) =>
      withConnection(async (db, config) => {
        const rows = await sweep(db, retention(config))
        if (rows === undefined) throw new Error('Another process sweeps now. Nothing was done.')
        await printResult(`Rows deleted: ${rows}.`, { rowsDeleted: rows }, options)
      }),
    )
}
