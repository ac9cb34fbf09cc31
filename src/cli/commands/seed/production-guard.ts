import type { Command } from 'commander'
import { type Config, loadConfig, readEnvironment } from '../../../config/config.ts'
import { EXIT_USAGE } from '../../exit-code.ts'

export interface ProductionOptions {
  yes?: true
}

/** For the commands that write or delete test data. */
export const PRODUCTION_OPTION = ['--yes', 'run even if NODE_ENV is production'] as const

/**
 * @returns the configuration
 * @throws CommanderError in production, unless `--yes` was given
 */
export function loadConfigUnlessProduction(command: Command, { yes }: ProductionOptions): Config {
  const config = loadConfig(readEnvironment())
  if (config.NODE_ENV === 'production' && !yes) {
    const message = 'error: NODE_ENV is production. Add --yes to run the command nevertheless.'
    command.error(message, { exitCode: EXIT_USAGE })
  }
  return config
}
