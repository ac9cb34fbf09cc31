// Runs the commands of "Quick start" in load/README.md, as they stand there, in a copy of the
// repository with a private database. SUBSTITUTIONS lists what differs.
import { readFileSync } from 'node:fs'
import { cp, symlink } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { TestContext } from 'node:test'
import { findProgram } from '../../../scripts/server-binary.mjs'
import { freePort } from '../../support/process/free-port.ts'
import {
  ended,
  exitCode,
  type Installation,
  install,
  listenTo,
} from '../../support/process/installation.ts'
import { until } from '../../support/until.ts'

/** The lock file is left out, so that nothing is installed into the linked node_modules. */
const COPIED = [
  'package.json',
  'tsconfig.json',
  'db',
  'load',
  'plugins',
  'routes',
  'scripts',
  'src',
]
/** Other programs may run at the same time, so a threshold can be exceeded once. */
const ATTEMPTS = 3
/** Less data, less time, and a port that is free. `DURATION` does the same for load/autocannon.mjs. */
const SUBSTITUTIONS = [
  [/100000/g, '3000'],
  [/-d10s/g, '-d2s'],
] as const
const DURATION = '2'
/** The output that is the same on every machine: thresholds, exit codes, counts of seed, warnings. */
const PROMISED = /^((pass|FAIL) .+|\d+|Seeded .+ in |Cleared .+|…"msg":.+)/

interface Command {
  text: string
  /** Lines of its output. */
  promised: string[]
}

/** Fails if a command does not print what its page promises, or leaves a database server. */
export async function runQuickStart(t: TestContext): Promise<void> {
  const [first = [], second = []] = quickStart()
  t.assert.match(first.at(-1)?.text ?? '', /^npm start$/)
  t.assert.strictEqual(second.length, 4)
  const site = await install(t)
  await copyRepository(site.folder)
  const port = String(await freePort())
  const environment = { PORT: port, BASE_URL: `http://127.0.0.1:${port}`, DURATION }

  const script = first.map(({ text }) => text).join('\n')
  const terminal = site.startProgram('bash', ['--norc', '-ec', script], environment)
  const { said } = listenTo(terminal)
  await until(() => isReady(environment.BASE_URL), said) // its log level hides that it listens
  for (const line of first.flatMap(({ promised }) => promised)) {
    // The server logs its warnings once it listens.
    await until(
      () => said().includes(line),
      () => `${line}\n${said()}`,
    )
  }

  for (const { text, promised } of second) {
    const isWrk = / wrk /.test(text)
    if (isWrk && !findProgram('wrk')) continue
    const command = text.replace(/http:\/\/127\.0\.0\.1:3000/, environment.BASE_URL)
    let output = ''
    const isAsPromised = () => {
      const lines = output.split('\n').map((line) => line.replace(/ +/g, ' '))
      return promised.every((line) => lines.some((printed) => printed.startsWith(line)))
    }
    for (let attempt = 0; attempt < ATTEMPTS && !isAsPromised(); attempt++) {
      output = await run(site, command, environment)
    }
    t.assert.ok(promised.length > 0 && isAsPromised(), `${promised.join('\n')}\n${output}`)
  }

  const database = site.databasePid()
  process.kill(-(terminal.pid ?? 0), 'SIGINT') // as Ctrl-C does
  await exitCode(terminal)
  await ended(database)
}

/** @returns the commands of the section's blocks, one list for each terminal */
function quickStart(): Command[][] {
  const page = readFileSync('load/README.md', 'utf8')
  const section = /^## Quick start\n(.*?)^## /ms.exec(page)?.[1] ?? ''
  return [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => {
    const commands: Command[] = []
    for (const line of substitute(block).trimEnd().split('\n')) {
      const [promised] = PROMISED.exec(line.slice(2).replace(/ +/g, ' ')) ?? []
      if (!line.startsWith('# ')) commands.push({ text: line, promised: [] })
      else if (promised) commands.at(-1)?.promised.push(promised.replace('…', ''))
    }
    return commands
  })
}

function substitute(text: string): string {
  return SUBSTITUTIONS.reduce((result, [from, to]) => result.replace(from, to), text)
}

function isReady(url: string): Promise<boolean> {
  return fetch(`${url}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  )
}

async function copyRepository(folder: string): Promise<void> {
  const data = resolve('load/data')
  for (const name of COPIED) {
    await cp(name, join(folder, name), {
      recursive: true,
      filter: (source) => resolve(source) !== data,
    })
  }
  await symlink(resolve('node_modules'), join(folder, 'node_modules'))
}

/** Runs a command of the second terminal to its end. @returns what it printed */
async function run(site: Installation, command: string, environment: Record<string, string>) {
  const child = site.startProgram('bash', ['--norc', '-c', command], environment)
  const { said } = listenTo(child)
  await exitCode(child)
  return said()
}
