import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Command } from 'commander'
import { bashCompletion } from '../../../src/cli/completion.ts'
import { createProgram } from '../../../src/cli/program.ts'
import { createEmptyDatabase } from '../../support/database/database.ts'
import { CLI, commandsOn } from '../../support/process/command.ts'
import { install } from '../../support/process/installation.ts'

const NO_DATABASE = 'mysql://root@127.0.0.1:1/none'

interface Words {
  words: string
  of: Command
}

/** @returns the commands and the groups of commands below a command, with their words */
function below(command: Command, words: string[] = []): Words[] {
  return command.commands.flatMap((of) => {
    const own = [...words, of.name()]
    return [{ words: own.join(' '), of }, ...below(of, own)]
  })
}

/** A group only has commands. `seed` is a command, too. */
const isGroup = ({ words, of }: Words) => of.commands.length > 0 && words !== 'seed'

const all = below(createProgram())
const commands = all.filter((command) => !isGroup(command))

test('--help of every command and of every group shows its usage and an example', (t: TestContext) => {
  t.assert.ok(commands.length > 20)
  t.assert.deepStrictEqual(
    all.filter(isGroup).map(({ words }) => words),
    ['user', 'session', 'token', 'completion'],
  )
  for (const { words, of } of all) {
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

const SCHEMA_MISSING =
  'The database schema is missing or older than this version. Run `gatehouse migrate`.\n'

test('every command that reads or writes tables, without a schema, says that migrate is to be run and ends with 1', async (t: TestContext) => {
  const { run, site } = await commandsOn(t, await createEmptyDatabase())
  const accounts = join(site.folder, 'accounts.ndjson')
  writeFileSync(accounts, '{"id":1,"username":"ada","password":"x","role":"user"}\n')
  for (const args of [
    ['user', 'list'],
    ['user', 'create', 'ada'],
    ['session', 'list', 'ada'],
    ['token', 'list', 'ada'],
    ['events'],
    ['events', '--follow'],
    ['sweep'],
    ['import', accounts],
    ['import', '--forget'],
    ['seed', '--users', '1'],
    ['seed', 'clear', '--yes'],
  ]) {
    const result = await run(args, 'brass wheels and cards')
    t.assert.deepStrictEqual(
      result,
      { code: 1, stdout: '', stderr: SCHEMA_MISSING },
      args.join(' '),
    )
  }
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
  t.assert.deepStrictEqual(complete('se'), ['serve', 'session', 'seed'])
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
