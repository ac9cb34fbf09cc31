// `npm run bench`: measures the server against bare Fastify, and prints a table.
import { writeFileSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { joinEmbeddedDatabase } from '../src/embedded-database/embedded-database.ts'
import { fillDatabase } from './database.ts'
import { describeMachine, pin, shareCores } from './machine.ts'
import type { Context, Row } from './measure.ts'
import { printTable } from './report.ts'
import { SCENARIOS, soak } from './scenarios.ts'

const SMALL_ROWS = 1_000

const { json, only, pairs, seconds, rows, minutes } = new Command('bench')
  .description('Measures the server against bare Fastify; all on this machine, by loopback.')
  .option('--only <names>', `some of: ${Object.keys(SCENARIOS).join(', ')}, soak`, splitNames)
  .option('--pairs <n>', 'how many pairs a ratio is the median of', wholeNumber, 5)
  .option('--seconds <n>', 'how long each of a pair is driven', wholeNumber, 5)
  .option('--rows <n>', 'of the large tables', wholeNumber, 1_000_000)
  .option('--minutes <n>', 'of the soak, which runs only if it is named', wholeNumber, 10)
  .option('--json <file>', 'where to write the figures as JSON')
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
  pin(Number(await readFile(join(folder, 'server.pid'), 'utf8')), cores?.database)
  const context: Context = { cores, pairs, seconds, progress }
  const small = await fillDatabase(database.url, 'small', SMALL_ROWS)
  const databases = {
    small,
    large: () => {
      progress(`filling tables with ${rows} rows`)
      return fillDatabase(database.url, 'large', rows)
    },
  }
  const scenarios = { ...SCENARIOS, soak: soak(minutes) }
  const table: Row[] = []
  for (const [name, scenario] of Object.entries(scenarios)) {
    if (only ? only.includes(name) : name !== 'soak') {
      table.push(...(await scenario(context, databases)))
    }
  }
  progress('')
  const machine = { ...describeMachine(), pinned: cores ?? 'nothing' }
  printTable(machine, table)
  if (json) writeFileSync(json, `${JSON.stringify({ machine, pairs, seconds, table }, null, 2)}\n`)
} finally {
  await database.close()
  await rm(folder, { recursive: true })
}

/** A line that the next one overwrites; on no terminal, lines. */
function progress(text: string): void {
  const { isTTY } = process.stderr
  if (text || isTTY) process.stderr.write(isTTY ? `\r\x1b[K${text}` : `${text}\n`)
}

function splitNames(list: string): string[] {
  const names = list.split(',')
  const unknown = names.filter((name) => !Object.hasOwn(SCENARIOS, name) && name !== 'soak')
  if (unknown.length > 0) throw new InvalidArgumentError(`There is no ${unknown.join(', ')}.`)
  return names
}

function wholeNumber(text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new InvalidArgumentError('A whole number is wanted.')
  return Number(text)
}
