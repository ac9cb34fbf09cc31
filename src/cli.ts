#!/usr/bin/env node
import { Command } from 'commander'
import { addDoctor } from './cli/commands/doctor.ts'
import { addImport } from './cli/commands/import.ts'
import { addMigrate } from './cli/commands/migrate.ts'
import { addSeedClear } from './cli/commands/seed/clear.ts'
import { addSeed } from './cli/commands/seed/seed.ts'
import { addUserCreate } from './cli/commands/user/create.ts'
import { reportFailure } from './cli/exit-code.ts'
import { VERSION } from './config/version.ts'

const program = new Command('gatehouse')
  .description(
    'Manages the database of DATABASE_URL. In a checkout without it, the private one in .data/.',
  )
  .version(VERSION)
  // Options after a subcommand belong to the subcommand: `seed clear --yes`.
  .enablePositionalOptions()
  .exitOverride()

// One line a command: `gatehouse user create` is in cli/commands/user/create.ts.
addMigrate(program)
addDoctor(program)
addImport(program)

const user = program.command('user').description('Manages users.')
addUserCreate(user)

const seed = addSeed(program)
addSeedClear(seed)

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = reportFailure(error)
}
