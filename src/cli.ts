#!/usr/bin/env node
import { buffer } from 'node:stream/consumers'
import { Command, CommanderError, Option } from 'commander'
import { read } from 'read'
import { closeDatabase, openDatabase } from '../db/client.ts'
import { createUser as insertUser } from '../db/queries/users.ts'
import type { Role } from '../db/schema.ts'
import { createPasswords } from '../plugins/passwords/passwords.ts'
import { isUsername } from '../routes/common/schemas.ts'
import { describeFailure } from './cli/failure.ts'
import { leavingAfter } from './cli/on-database.ts'
import { addSeedCommand } from './cli/seed.ts'
import { type Config, loadConfig, readEnvironment } from './config/config.ts'
import { migrateDatabase, resolveDatabase } from './config/resolve.ts'

const EXIT_FAILED = 1
const EXIT_USAGE = 2

const program = new Command('gatehouse')
  .description(
    'Administers the accounts of a Gatehouse database (DATABASE_URL, or .data/ without it).',
  )
  .exitOverride()

program
  .command('migrate')
  .description('Brings the database schema up to this version; one process at a time.')
  .action(() =>
    onDatabase(async (url) => {
      const applied = await migrateDatabase(url)
      console.log(applied ? `Migrations applied: ${applied}.` : 'The schema is up to date.')
    }),
  )

program
  .command('user')
  .description('Manages users.')
  .command('create')
  .description('Creates a user. The password is asked for, or read from standard input.')
  .argument('<name>', 'the username')
  .addOption(new Option('--role <role>', 'the role').choices(['user', 'admin']).default('user'))
  .action((name: string, { role }: { role: Role }) =>
    onDatabase(async (url, config) => {
      await createUser(url, config, name, role)
      console.log(`User ${name} created, role ${role}.`)
    }),
  )

addSeedCommand(program)

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = report(error)
}

async function createUser(
  url: string,
  config: Config,
  username: string,
  role: Role,
): Promise<void> {
  if (!isUsername(username)) {
    throw new Error(
      'A username is 1 to 80 letters, digits or ._@+- and starts with a letter or digit.',
    )
  }
  const passwords = await createPasswords({
    cost: config.BCRYPT_COST,
    minLength: config.PASSWORD_MIN_LENGTH,
    lane: { concurrency: 1, maxWaiting: 0 },
  })
  const password = await readPassword()
  passwords.check(password, username)

  const db = openDatabase(url, 1)
  try {
    const passwordHash = await passwords.hash(password)
    const user = await insertUser(db, { origin: {} }, { username, passwordHash, role })
    if (user === 'taken') throw new Error(`A user named ${username} exists.`)
  } finally {
    await closeDatabase(db)
  }
}

/** Never from an argument: those are seen in the list of processes and kept by shells. */
async function readPassword(): Promise<string> {
  if (!process.stdin.isTTY) return onlyLine(await buffer(process.stdin))
  const password = await read({ prompt: 'Password: ', silent: true, output: process.stderr })
  const again = await read({ prompt: 'Again: ', silent: true, output: process.stderr })
  if (password !== again) throw new Error('The two passwords differ.')
  return password
}

/** @throws Error if it isn't one line of UTF-8: a password is taken as given or not at all */
function onlyLine(bytes: Buffer): string {
  let line: string
  try {
    line = new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '')
  } catch {
    throw new Error('The password is not valid UTF-8.')
  }
  if (/[\r\n]/.test(line)) throw new Error('The password is more than one line.')
  return line
}

/** Runs `work` on the database that the environment names, or on the private one. */
async function onDatabase(work: (url: string, config: Config) => Promise<void>): Promise<void> {
  const config = loadConfig(readEnvironment())
  const { url, embedded } = await resolveDatabase(config)
  await leavingAfter(embedded, () => work(url, config))
}

/** @returns the exit code: 0 after `--help`, 2 for wrong usage, 1 for a failure */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE
  console.error(describeFailure(error))
  return EXIT_FAILED
}
