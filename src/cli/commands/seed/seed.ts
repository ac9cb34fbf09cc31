import { resolve } from 'node:path'
import type { Command } from 'commander'
import { closeDatabase, type Database, openDatabase } from '../../../../db/client.ts'
import { findByPrefix } from '../../../../db/queries/seed.ts'
import type { ResolvedConfig } from '../../../config/config.ts'
import { localUrl } from '../../../config/local-url.ts'
import { resolveConfig } from '../../../config/resolve.ts'
import {
  createSeedSecrets,
  type SeedPlan,
  type SeedSecrets,
  storeSeed,
  usernamePrefix,
} from '../../../seed/data.ts'
import { openSeedFiles, type SeedFiles } from '../../../seed/files.ts'
import { example, serverUrl, wholeNumber } from '../../options.ts'
import { commandPasswords } from '../../password.ts'
import { showProgressBar } from '../../progress-bar.ts'
import { leavingAfter } from '../../with-database.ts'
import {
  loadConfigUnlessProduction,
  PRODUCTION_OPTION,
  type ProductionOptions,
} from './production-guard.ts'

const MAX_ROWS = 5_000_000
const MAX_SEED = 999_999_999
const DEFAULT_USERS = 1_000
const MAX_DEFAULT_TOKENS = 1_000

interface SeedOptions extends ProductionOptions {
  users: number
  sessions?: number
  tokens?: number
  seed: number
  out: string
  url?: string
}

/** Creates data for load tests: see load/README.md. */
export function addSeed(program: Command): Command {
  const rows = wholeNumber(0, MAX_ROWS)
  const command = program
    .command('seed')
    .description('Fills the database for load tests, and writes the credentials to CSV files.')
    .enablePositionalOptions()
    .option('--users <n>', 'how many users to create', wholeNumber(1, MAX_ROWS), DEFAULT_USERS)
    .option('--sessions <n>', 'how many sessions to create (default: one per user)', rows)
    .option(
      '--tokens <n>',
      `how many tokens to create (default: one per user, at most ${MAX_DEFAULT_TOKENS})`,
      rows,
    )
    .option(
      '--seed <n>',
      'another number creates other names and secrets',
      wholeNumber(0, MAX_SEED),
      1,
    )
    .option('--out <folder>', 'the folder of the files', 'load/data')
    .option('--url <url>', "the server's URL (default: from HOST and PORT)", serverUrl)
    .option(...PRODUCTION_OPTION)
    .addHelpText('after', example('seed --users 10000 --out load/data'))
    .action(async (options: SeedOptions) => {
      const loaded = loadConfigUnlessProduction(command, options)
      await leavingAfter(
        () => resolveConfig(loaded),
        ({ config }) => seed(config, options),
      )
    })
  return command
}

async function seed(config: ResolvedConfig, options: SeedOptions): Promise<void> {
  const { users, seed: number } = options
  const { sessions = users, tokens = Math.min(users, MAX_DEFAULT_TOKENS) } = options
  const plan = { seed: number, users, sessions, tokens }
  const folder = resolve(options.out)
  const url = options.url ?? localUrl(config)
  const secrets = createSeedSecrets(number, config)
  const start = performance.now()
  const db = openDatabase(config.DATABASE_URL, {
    connections: 1,
    consistency: config.DATABASE_CONSISTENCY,
  })
  try {
    await assertUnused(db, number)
    const files = await openSeedFiles({ folder, url, password: secrets.password })
    try {
      await fill(db, config, plan, secrets, files)
      await files.finish()
    } catch (error) {
      await files.abandon()
      throw error
    }
  } finally {
    await closeDatabase(db)
  }
  const seconds = ((performance.now() - start) / 1_000).toFixed(1)
  console.log(
    `Seeded ${users} users, ${sessions} sessions and ${tokens} tokens in ${seconds} s: ${folder}`,
  )
}

/** @throws Error if accounts with such names exist: half a seed is useless */
async function assertUnused(db: Database, number: number): Promise<void> {
  const found = await findByPrefix(db, usernamePrefix(number))
  if (!found) return
  throw new Error(
    found.isSeeded
      ? `The users of seed ${number} already exist. Run seed clear, or choose another --seed.`
      : `A user named ${found.username} exists that seed did not create. Choose another --seed.`,
  )
}

async function fill(
  db: Database,
  config: ResolvedConfig,
  plan: SeedPlan,
  secrets: SeedSecrets,
  files: SeedFiles,
): Promise<void> {
  const passwordHash = await (await commandPasswords(config)).hash(secrets.password)
  const progress = showProgressBar(plan.users + plan.sessions + plan.tokens)
  try {
    for await (const batch of storeSeed(db, plan, config, secrets, passwordHash)) {
      await files.add(batch)
      progress.add(batch.rows.length)
    }
  } finally {
    progress.stop()
  }
}
