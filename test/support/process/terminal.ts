import { spawnSync } from 'node:child_process'
import { exitCode, type Installation, listenTo, nodeArguments } from './installation.ts'

const hasScript = /util-linux/.test(spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout)

/** For the options of tests that need a pseudo-terminal. */
export const needsTerminals = { skip: hasScript ? false : 'no `script` of util-linux' }

/** Starts a script on a pseudo-terminal: what is written to its standard input is typed there. */
export function startOnTerminal(
  site: Installation,
  script: string,
  args: string[],
  environment: Record<string, string>,
) {
  const command = [process.execPath, ...nodeArguments(script, args)]
  const quoted = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')
  return site.startProgram('script', ['-qec', `exec ${quoted}`, '/dev/null'], environment)
}

/**
 * Runs a script on a pseudo-terminal, and types an answer at each prompt.
 *
 * @returns what stood on the terminal, and the exit code
 */
export async function runOnTerminal(
  site: Installation,
  script: string,
  args: string[],
  environment: Record<string, string>,
  answers: string[],
) {
  const child = startOnTerminal(site, script, args, environment)
  const { said, until } = listenTo(child)
  for (const [asked, answer] of answers.entries()) {
    await until(new RegExp(`(?:: .*){${asked + 1}}`, 's'))
    child.stdin.write(`${answer}\r`)
  }
  const code = await exitCode(child)
  return { code, said: said() }
}
