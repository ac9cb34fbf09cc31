import { type Config, loadConfig, readEnvironment } from '../config/config.ts'
import { resolveDatabase } from '../config/resolve.ts'
import { leavingAfter } from './on-database.ts'

/** Runs a command on the database of `DATABASE_URL`, or on the private one. */
export async function withDatabase(
  work: (url: string, config: Config) => Promise<void>,
  config: Config = loadConfig(readEnvironment()),
): Promise<void> {
  await leavingAfter(
    () => resolveDatabase(config),
    ({ url }) => work(url, config),
  )
}
