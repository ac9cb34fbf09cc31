import type { Command } from 'commander'
import { closeDatabase, openDatabase } from '../../../../db/client.ts'
import { clearSeeded, countSeeded } from '../../../../db/queries/seed.ts'
import type { Config } from '../../../config/config.ts'
import { example } from '../../options.ts'
import { showProgressBar } from '../../progress-bar.ts'
import { withDatabase } from '../../with-database.ts'
import {
  loadConfigUnlessProduction,
  PRODUCTION_OPTION,
  type ProductionOptions,
} from './production-guard.ts'

export function addSeedClear(seed: Command): void {
  const command = seed
    .command('clear')
    .description('Deletes the users that seed created, with their sessions and tokens.')
    .option(...PRODUCTION_OPTION)
    .addHelpText('after', example('seed clear'))
    .action((options: ProductionOptions) =>
      withDatabase(clear, loadConfigUnlessProduction(command, options)),
    )
}

async function clear(url: string, { DATABASE_CONSISTENCY: consistency }: Config): Promise<void> {
  const db = openDatabase(url, { connections: 1, consistency })
  let cleared = 0
  try {
    const progress = showProgressBar(await countSeeded(db))
    try {
      for (let deleted = -1; deleted !== 0; ) {
        deleted = await clearSeeded(db)
        cleared += deleted
        progress.add(deleted)
      }
    } finally {
      progress.stop()
    }
  } finally {
    await closeDatabase(db)
  }
  console.log(`Cleared ${cleared} seeded users, with their sessions and tokens.`)
}
