// `npm run test:faults`: runs the built server through each fault, and prints a table.
// Arguments: --long for the long tests, too; --full for all tests with the durations and counts of the standard;
// names of files or folders; --compiled after another run.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { compile, compiled } from '../support/compile.ts'
import { makeTemplate } from '../support/faults/database/template.ts'
import { undoAtExit } from '../support/faults/machine/at-exit.ts'
import { type Row, table } from '../support/faults/report.ts'

/** Most of these tests only wait. The processor-heavy ones run alone. */
const TOGETHER = 3
/** They take 30 to 60 s, the others less. They start first, so that none is left for the end. */
const SLOWEST = ['bytes-swallowed', 'refusals-of-the-server', 'slow-sockets', 'shutdown']
const isFull = process.argv.includes('--full')
const isLong = isFull || process.argv.includes('--long')
const named = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const SUITES = [
  { folder: 'test/faults/together', processes: TOGETHER },
  { folder: 'test/faults/alone', processes: 1 },
  { folder: 'test/faults/cluster', processes: 1 },
]
const LONG_SUITES = [
  { folder: 'test/faults/alone-long', processes: 1 },
  { folder: 'test/faults/cluster-long', processes: 1 },
]
/** Ends a file that hangs. Without `--full`, the slowest one takes 2 minutes. */
const FILE_TIMEOUT_MS = (isFull ? 12 : 5) * 60_000

const folder = await mkdtemp(join(tmpdir(), 'gatehouse-faults-run-'))
const removeFolder = undoAtExit(() => rmSync(folder, { recursive: true, force: true }))
const rowsFile = join(folder, 'rows')
const children = new Set<ChildProcess>()
// The children undo what they have done when they get the signal.
undoAtExit(() => {
  for (const child of children) child.kill('SIGTERM')
})

if (!existsSync('dist/src/server.js')) throw new Error('run `npm run build` first')
await compile()
await makeTemplate(join(folder, 'template'))
const startedAt = Date.now()
const failed: string[] = []
const suites = isLong || named.length > 0 ? [...SUITES, ...LONG_SUITES] : SUITES
for (const suite of suites) await runSuite(suite)
const rows = existsSync(rowsFile) ? readFileSync(rowsFile, 'utf8').trim().split('\n') : []
console.log(table(rows.map((row): Row => JSON.parse(row)).sort(byFault)))
console.log(`${rows.length} faults in ${Math.round((Date.now() - startedAt) / 1_000)} s`)
removeFolder()
if (failed.length > 0) console.log(`Failed: ${failed.join(', ')}`)
process.exit(failed.length > 0 ? 1 : 0)

async function runSuite(suite: (typeof SUITES)[number]): Promise<void> {
  const files = readdirSync(suite.folder)
    .filter((name) => name.endsWith('.test.ts'))
    .filter(
      (name) => named.length === 0 || named.some((part) => join(suite.folder, name).includes(part)),
    )
    .sort((a, b) => Number(isSlow(b)) - Number(isSlow(a)))
    .map((name) => join(suite.folder, name))
  const workers = Array.from({ length: suite.processes }, async () => {
    for (let file = files.shift(); file; file = files.shift()) await runFile(file)
  })
  await Promise.all(workers)
}

function isSlow(file: string): boolean {
  return SLOWEST.some((name) => file.startsWith(`${name}.`))
}

/** Runs a test file in a process of its own, and prints its output at its end. */
async function runFile(file: string): Promise<void> {
  const parameters = ['--enable-source-maps', '--test-reporter=spec', compiled(file)]
  const child = spawn(process.execPath, parameters, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      NODE_ENV: 'test',
      FAULTS_TEMPLATE: join(folder, 'template'),
      FAULTS_ROWS: rowsFile,
      FAULTS_FULL: isFull ? '1' : '0',
    },
  })
  children.add(child)
  const timer = setTimeout(() => child.kill('SIGTERM'), FILE_TIMEOUT_MS)
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  clearTimeout(timer)
  children.delete(child)
  if (code !== 0) failed.push(file)
  console.log(`${file}\n${output}`)
}

function byFault(a: Row, b: Row): number {
  return a.fault.localeCompare(b.fault, 'en', { numeric: true })
}
