import { Command } from 'commander'
import { VERSION } from '../config/version.ts'
import { addCompletionBash } from './commands/completion/bash.ts'
import { addDoctor } from './commands/doctor.ts'
import { addEvents } from './commands/events.ts'
import { addImport } from './commands/import.ts'
import { addMigrate } from './commands/migrate.ts'
import { addSeedClear } from './commands/seed/clear.ts'
import { addSeed } from './commands/seed/seed.ts'
import { addServe } from './commands/serve.ts'
import { addSessionEnd } from './commands/session/end.ts'
import { addSessionList } from './commands/session/list.ts'
import { addSweep } from './commands/sweep.ts'
import { addTokenCreate } from './commands/token/create.ts'
import { addTokenEnd } from './commands/token/end.ts'
import { addTokenList } from './commands/token/list.ts'
import { addUserCreate } from './commands/user/create.ts'
import { addUserDelete } from './commands/user/delete.ts'
import { addUserDisable } from './commands/user/disable.ts'
import { addUserEnable } from './commands/user/enable.ts'
import { addUserList } from './commands/user/list.ts'
import { addUserSetAddresses } from './commands/user/set-addresses.ts'
import { addUserSetPassword } from './commands/user/set-password.ts'
import { addUserSetRole } from './commands/user/set-role.ts'
import { addUserShow } from './commands/user/show.ts'
import { addUserUnthrottle } from './commands/user/unthrottle.ts'
import { example } from './options.ts'

/** One line a command: `gatehouse user create` is in `commands/user/create.ts`. */
export function createProgram(): Command {
  const program = new Command('gatehouse')
    .description(
      'Manages the database of DATABASE_URL. In a checkout without it, the private one in .data/.',
    )
    .version(VERSION)
    // Options after a subcommand belong to the subcommand: `seed clear --yes`.
    .enablePositionalOptions()
    .exitOverride()

  addServe(program)

  const user = program
    .command('user')
    .description('Manages users.')
    .addHelpText('after', example('user list --role admin'))
  addUserList(user)
  addUserShow(user)
  addUserCreate(user)
  addUserDisable(user)
  addUserEnable(user)
  addUserUnthrottle(user)
  addUserSetRole(user)
  addUserSetAddresses(user)
  addUserSetPassword(user)
  addUserDelete(user)

  const session = program
    .command('session')
    .description('Lists and ends sessions.')
    .addHelpText('after', example('session list ada'))
  addSessionList(session)
  addSessionEnd(session)

  const token = program
    .command('token')
    .description('Manages tokens of machine clients.')
    .addHelpText('after', example('token list ada'))
  addTokenList(token)
  addTokenCreate(token)
  addTokenEnd(token)

  addEvents(program)
  addSweep(program)
  addMigrate(program)
  addDoctor(program)
  addImport(program)

  const seed = addSeed(program)
  addSeedClear(seed)

  const completion = program
    .command('completion')
    .description('Prints completions for shells.')
    .addHelpText('after', example('completion bash'))
  addCompletionBash(completion, program)
  return program
}
