import { isIPv6 } from 'node:net'
import { resolve } from 'node:path'
import { SingleBar } from 'cli-progress'
import { type Command, InvalidArgumentError } from 'commander'
import { closeDatabase, type Database, openDatabase } from '../../db/client.ts'
import { clearSeeded, countSeeded, findByPrefix } from '../../db/queries/seed.ts'
import { createPasswords } from '../../plugins/passwords/passwords.ts'
import { type Config, loadConfig, type ResolvedConfig, readEnvironment } from '../config/config.ts'
import { resolveConfig, resolveDatabase } from '../config/resolve.ts'
import { createSeedSecrets, type SeedPlan, storeSeed, usernamePrefix } from '../seed/data.ts'
import { openSeedFiles, type SeedFiles } from '../seed/files.ts'
import { leavingAfter } from './on-database.ts'

const MAX_ROWS = 5_000_000
const MAX_SEED = 999_999_999
const DEFAULT_PORT = 3000
const EXIT_USAGE = 2

interface SeedOptions {
  users: number
  sessions?: number
  tokens?: number
  seed: number
  out: string
  url?: string
  yes?: true
}

/** `gatehouse seed` and `gatehouse seed clear`: data for load tests, load/README.md. */
export function addSeedCommand(program: Command): void {
  const rows = wholeNumber(0, MAX_ROWS)
  const command = program
    // Both, so that what follows `clear` is for it, `--yes` above all.
    .enablePositionalOptions()
    .command('seed')
    .description('Fills the database for load tests, and writes who can log in to CSV files.')
    .enablePositionalOptions()
    .option('--users <n>', 'how many users to make', wholeNumber(1, MAX_ROWS), 1_000)
    .option('--sessions <n>', 'how many sessions to open (default: as many as users)', rows)
    .option(
      '--tokens <n>',
      'how many tokens to make (default: as many as users, at most 1000)',
      rows,
    )
    .option(
      '--seed <n>',
      'another number makes other names and secrets',
      wholeNumber(0, MAX_SEED),
      1,
    )
    .option('--out <folder>', 'where to write the files', 'load/data')
    .option('--url <url>', 'of the server, for the targets (default: by HOST and PORT)', originOf)
    .option('--yes', 'do it with NODE_ENV=production, too')
    .action(async (options: SeedOptions) => {
      const config = configFor(command, options)
      const { config: resolved, embedded } = await resolveConfig(config)
      await leavingAfter(embedded, () => seed(resolved, options))
    })

  const clear = command
    .command('clear')
    .description('Deletes the users that seed made, with their sessions and tokens, and no others.')
    .option('--yes', 'do it with NODE_ENV=production, too')
    .action(async (options: Pick<SeedOptions, 'yes'>) => {
      const { url, embedded } = await resolveDatabase(configFor(clear, options))
      await leavingAfter(embedded, () => clearAll(url))
    })
}

/** The configuration. In production the command ends with 2, unless it is told to go on. */
function configFor(command: Command, { yes }: Pick<SeedOptions, 'yes'>): Config {
  const config = loadConfig(readEnvironment())
  if (config.NODE_ENV === 'production' && !yes) {
    const message = 'error: NODE_ENV is production: add --yes if this is to be done nevertheless'
    command.error(message, { exitCode: EXIT_USAGE })
  }
  return config
}

async function seed(config: ResolvedConfig, options: SeedOptions): Promise<void> {
  const { users, seed: number } = options
  const { sessions = users, tokens = Math.min(users, 1_000) } = options
  const plan = { seed: number, users, sessions, tokens }
  const folder = resolve(options.out)
  const url = options.url ?? defaultUrl(config)
  const secrets = createSeedSecrets(number, config)
  const start = performance.now()
  const db = openDatabase(config.DATABASE_URL, 1)
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

/** @throws Error if there are accounts of such names: half a seed is of no use */
async function assertUnused(db: Database, number: number): Promise<void> {
  const found = await findByPrefix(db, usernamePrefix(number))
  if (!found) return
  throw new Error(
    found.isSeeded
      ? `The users of seed ${number} exist: run seed clear, or take another --seed.`
      : `A user named ${found.username} exists that wasn't seeded: take another --seed.`,
  )
}

async function fill(
  db: Database,
  config: ResolvedConfig,
  plan: SeedPlan,
  secrets: ReturnType<typeof createSeedSecrets>,
  files: SeedFiles,
): Promise<void> {
  const lane = { concurrency: 1, maxWaiting: 0 }
  const policy = { cost: config.BCRYPT_COST, minLength: config.PASSWORD_MIN_LENGTH, lane }
  const passwordHash = await (await createPasswords(policy)).hash(secrets.password)
  const progress = showProgress(plan.users + plan.sessions + plan.tokens)
  try {
    for await (const batch of storeSeed(db, plan, config, secrets, passwordHash)) {
      await files.add(batch)
      progress.add(batch.rows.length)
    }
  } finally {
    progress.stop()
  }
}

async function clearAll(url: string): Promise<void> {
  const db = openDatabase(url, 1)
  let cleared = 0
  try {
    const progress = showProgress(await countSeeded(db))
    try {
      for (let gone = -1; gone !== 0; ) {
        gone = await clearSeeded(db)
        cleared += gone
        progress.add(gone)
      }
    } finally {
      progress.stop()
    }
  } finally {
    await closeDatabase(db)
  }
  console.log(`Cleared ${cleared} seeded users, with their sessions and tokens.`)
}

/** A bar on standard error, if that is a terminal. */
function showProgress(total: number) {
  if (!process.stderr.isTTY) return { add: () => undefined, stop: () => undefined }
  const bar = new SingleBar({
    format: '{bar} {percentage} % of {total} rows, {eta} s left',
    stream: process.stderr,
  })
  bar.start(total, 0)
  return { add: (rows: number) => bar.increment(rows), stop: () => bar.stop() }
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = /^(0|[1-9][0-9]{0,8})$/.test(text) ? Number(text) : Number.NaN
    if (number >= least && number <= most) return number
    throw new InvalidArgumentError(`A whole number from ${least} to ${most} is wanted.`)
  }
}

/** The scripts put paths of their own behind it. */
function originOf(text: string): string {
  if (/^https?:/i.test(text) && URL.canParse(text)) {
    const { origin, href } = new URL(text)
    if (href === `${origin}/`) return origin
  }
  throw new InvalidArgumentError('A URL without a path is wanted, such as http://127.0.0.1:3000.')
}

/** Where this machine reaches a server of the same configuration. */
function defaultUrl({ HOST, PORT }: Pick<Config, 'HOST' | 'PORT'>): string {
  const address = { '0.0.0.0': '127.0.0.1', '::': '::1' }[HOST] ?? HOST
  return `http://${isIPv6(address) ? `[${address}]` : address}:${PORT || DEFAULT_PORT}`
}
