// `npm run bench`: measures the server against bare Fastify, and prints a table.
import { writeFileSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { joinEmbeddedDatabase } from '../src/embedded-database/embedded-database.ts'
import { fillDatabase } from './database.ts'
import { LOAD_GENERATOR } from './load/load.ts'
import { describeMachine, pin, shareCores } from './machine.ts'
import { type Context, type Databases, type Row, type Scenario, Unavailable } from './measure.ts'
import { printTable } from './report.ts'
import { galera } from './scenarios/galera.ts'
import { peers } from './scenarios/peers.ts'
import { soak } from './scenarios/reads.ts'
import { SCENARIOS } from './scenarios/scenarios.ts'

const SMALL_ROWS = 1_000
const ONLY_IF_NAMED = ['galera', 'soak', 'peers']
const NAMES = [...Object.keys(SCENARIOS), ...ONLY_IF_NAMED]

const { json, only, pairs, seconds, rows, minutes } = new Command('bench')
  .description('Measures the server against bare Fastify; all on this machine, by loopback.')
  .option('--only <names>', `some of: ${NAMES.join(', ')}`, splitNames)
  .option(
    '--pairs <n>',
    'the number of rounds: each server is measured once a round, and a ratio is their median',
    wholeNumber,
    5,
  )
  .option('--seconds <n>', 'the length of a run in s', wholeNumber, 5)
  .option('--rows <n>', 'the number of rows of the large tables', wholeNumber, 1_000_000)
  .option(
    '--minutes <n>',
    'the length of the soak in minutes; it runs only if it is named',
    wholeNumber,
    10,
  )
  .option('--json <file>', 'also write the figures to this file, as JSON')
  .addHelpText(
    'after',
    `
galera, soak and peers run only if they are named. galera starts a cluster of three nodes. peers installs better-auth from the npm registry into
bench/peer/node_modules, and measures its session read beside ours.`,
  )
  .parse()
  .opts<{
    json?: string
    only?: string[]
    pairs: number
    seconds: number
    rows: number
    minutes: number
  }>()

const cores = shareCores()
const folder = await mkdtemp(join(tmpdir(), 'gatehouse-bench-'))
const database = await joinEmbeddedDatabase(folder)
try {
  const databasePid = Number(await readFile(join(folder, 'server.pid'), 'utf8'))
  pin(databasePid, cores?.database)
  const context: Context = {
    cores,
    databasePid,
    databaseServer: database.url,
    pairs,
    seconds,
    progress,
  }
  const small = await fillDatabase(database.url, 'small', SMALL_ROWS)
  const databases = {
    small,
    large: () => {
      progress(`filling tables with ${rows} rows`)
      return fillDatabase(database.url, 'large', rows)
    },
  }
  const scenarios = { ...SCENARIOS, galera, soak: soak(minutes), peers }
  const table: Row[] = []
  for (const [name, scenario] of Object.entries(scenarios)) {
    if (only ? only.includes(name) : !ONLY_IF_NAMED.includes(name)) {
      table.push(...(await rowsOf(scenario, context, databases)))
    }
  }
  progress('')
  const machine = { ...describeMachine(), load: LOAD_GENERATOR, pinned: cores ?? 'nothing' }
  if (table.length > 0) printTable(machine, table)
  if (json) writeFileSync(json, `${JSON.stringify({ machine, pairs, seconds, table }, null, 2)}\n`)
} finally {
  await database.close()
  await rm(folder, { recursive: true })
}

/** @returns no rows if the scenario cannot run here, and then the exit code is 1 */
async function rowsOf(scenario: Scenario, context: Context, databases: Databases): Promise<Row[]> {
  try {
    return await scenario(context, databases)
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error
    progress('')
    console.error(error.message)
    process.exitCode = 1
    return []
  }
}

/** On a terminal, each line overwrites the last one. */
function progress(text: string): void {
  const { isTTY } = process.stderr
  if (text || isTTY) process.stderr.write(isTTY ? `\r\x1b[K${text}` : `${text}\n`)
}

function splitNames(list: string): string[] {
  const names = list.split(',')
  const unknown = names.filter((name) => !NAMES.includes(name))
  if (unknown.length > 0) throw new InvalidArgumentError(`Unknown: ${unknown.join(', ')}.`)
  return names
}

function wholeNumber(text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new InvalidArgumentError('Must be a whole number.')
  return Number(text)
}
