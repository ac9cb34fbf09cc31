import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import type { Command } from 'commander'
import { bashCompletion } from '../../../src/cli/completion.ts'
import { createProgram } from '../../../src/cli/program.ts'
import { CLI, commandsOn } from '../../support/process/command.ts'
import { install } from '../../support/process/installation.ts'

const NO_DATABASE = 'mysql://root@127.0.0.1:1/none'

/** @returns the commands that do something, with their words: groups only have commands */
function allCommands(command: Command, words: string[] = []): { words: string; of: Command }[] {
  const children = command.commands.flatMap((child) => allCommands(child, [...words, child.name()]))
  const isGroup = children.length > 0 && command.name() !== 'seed'
  return isGroup ? children : [{ words: words.join(' '), of: command }, ...children]
}

const commands = allCommands(createProgram())

test('--help of every command shows its usage and an example', (t: TestContext) => {
  t.assert.ok(commands.length > 20)
  for (const { words, of } of commands) {
    const printed: string[] = []
    of.configureOutput({ writeOut: (text) => printed.push(text) }).outputHelp()
    const help = printed.join('')
    t.assert.match(help, new RegExp(`^Usage: gatehouse ${words} `))
    t.assert.match(help, new RegExp(`\nExample:\n  gatehouse ${words}`), words)
  }
})

test('docs/command-line.md describes every command and each of its options', (t: TestContext) => {
  const page = readFileSync('docs/command-line.md', 'utf8')
  for (const { words, of } of commands.filter((command) => !command.words.startsWith('seed'))) {
    t.assert.ok(page.includes(`\`${words}`), words)
    for (const { long } of of.options) t.assert.ok(page.includes(String(long)), `${words} ${long}`)
  }
})

for (const [circumstance, args, reason] of [
  ['an id that is no number', ['session', 'end', 'x1'], /An id is a whole number above 0/],
  ['a user with an id of 0', ['user', 'show', 'id:0'], /An id is a whole number above 0/],
  ['an empty name of a user', ['user', 'show', ''], /must not be empty/],
  ['neither an id nor --all', ['session', 'end'], /either the id of a session or --all/],
  ['an id and --all', ['session', 'end', '1', '--all', 'ada'], /either the id of a session or/],
  ['an unknown role', ['user', 'set-role', 'ada', 'root'], /Allowed choices are user, admin/],
  ['an unknown type', ['events', '--type', 'nap'], /Allowed choices are login, logout/],
  ['a limit that is no number', ['user', 'list', '--limit', '-1'], /whole number from 1/],
  ['a group without a command', ['token'], /Usage: gatehouse token/],
  ['an unknown shell', ['completion', 'tcsh'], /unknown command 'tcsh'/],
] as const) {
  test(`a command with ${circumstance} prints what is wrong and ends with 2`, async (t: TestContext) => {
    const { run } = await commandsOn(t, NO_DATABASE)
    const { code, stdout, stderr } = await run([...args])
    t.assert.deepStrictEqual([code, stdout], [2, ''])
    t.assert.match(stderr, reason)
  })
}

test('a command, without a database that answers, says so and ends with 1', async (t: TestContext) => {
  const { run } = await commandsOn(t, NO_DATABASE)
  const { code, stdout, stderr } = await run(['user', 'list'])
  t.assert.deepStrictEqual([code, stdout], [1, ''])
  t.assert.match(stderr, /^The database refused or could not be reached: .*\n$/)
})

test('completion bash prints a script that completes the words of the commands in bash', async (t: TestContext) => {
  const site = await install(t)
  const printed = await site.run(CLI, ['completion', 'bash'])
  const script = bashCompletion(createProgram())
  t.assert.deepStrictEqual(printed, { code: 0, stdout: script, stderr: '' })

  const complete = (...words: string[]) => {
    const act = `${script}
      spec=$(complete -p gatehouse); [[ $spec == *'-F _gatehouse gatehouse' ]] || echo "$spec"
      COMP_WORDS=(gatehouse "$@"); COMP_CWORD=$#
      _gatehouse; printf '%s\\n' "\${COMPREPLY[@]}"`
    const { stdout, stderr } = spawnSync('bash', ['--norc', '-uc', act, 'bash', ...words], {
      encoding: 'utf8',
      cwd: 'docs',
    })
    t.assert.strictEqual(stderr, '')
    return stdout.trimEnd().split('\n')
  }
  t.assert.deepStrictEqual(complete('se'), ['session', 'seed'])
  t.assert.deepStrictEqual(complete('session', ''), ['list', 'end', 'help'])
  t.assert.deepStrictEqual(complete('user', 'list', '--d'), ['--disabled'])
  t.assert.deepStrictEqual(complete('user', 'list', '--role', ''), ['user', 'admin'])
  t.assert.deepStrictEqual(complete('user', 'list', '--role', 'user', '--js'), ['--json'])
  t.assert.deepStrictEqual(complete('user', 'set-role', 'ada', 'a'), ['admin'])
  t.assert.deepStrictEqual(complete('user', 'set-role', '--force', 'ada', 'a'), ['admin'])
  t.assert.deepStrictEqual(complete('user', 'set-role', ''), [''])
  t.assert.deepStrictEqual(complete('events', '--type', 'token'), ['token_created', 'token_ended'])
  t.assert.deepStrictEqual(complete('session', 'end', '--all', 'list', '--j'), ['--json'])
  t.assert.deepStrictEqual(complete('import', 'command-l'), ['command-line.md'])
  t.assert.deepStrictEqual(complete('nonsense', 'x'), [''])
})
