import type { Command } from 'commander'
import { bashCompletion } from '../../completion.ts'
import { example } from '../../options.ts'
import { print } from '../../output/output.ts'

export function addCompletionBash(completion: Command, program: Command): void {
  completion
    .command('bash')
    .description('Prints a script that completes commands and options in bash.')
    .addHelpText(
      'after',
      example('completion bash > ~/.local/share/bash-completion/completions/gatehouse'),
    )
    .action(() => print(bashCompletion(program).trimEnd()))
}
