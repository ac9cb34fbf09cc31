import type { Command } from 'commander'
import { example } from '../options.ts'

export function addServe(program: Command): void {
  program
    .command('serve')
    .description('Runs the server until a signal stops it.')
    .addHelpText('after', example('serve'))
    // The module of the server starts it. The other commands need not load it.
    .action(async () => void (await import('../../server.ts')))
}
