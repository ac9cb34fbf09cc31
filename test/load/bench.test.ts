import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { makeFolder } from '../support/process/folder.ts'
import { needsServerBinary } from '../support/process/installation.ts'

const OPTIONS = ['--only', 'read,workers,flood', '--pairs', '3', '--seconds', '1']
const TIMEOUT_MS = 240_000

/**
 * The highest ratios of processor time to bare Fastify: above what is measured on a busy machine, and
 * below what the operations cost before they were made cheaper (docs/performance.md).
 */
const MAX_RATIOS = { liveness: 1.9, me: 2.4, read: 2.45 }

test('the benchmark, shortened, measures every row, every read succeeds, and no operation costs much more than it did', {
  ...needsServerBinary,
  timeout: TIMEOUT_MS,
}, async (t: TestContext) => {
  const file = join(await makeFolder(t), 'figures.json')
  const args = ['--import', 'tsx', 'bench/run.ts', ...OPTIONS, '--json', file]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  const { machine, table } = JSON.parse(await readFile(file, 'utf8'))
  t.assert.ok(machine.cores >= 1)
  t.assert.strictEqual(table.length, 11)
  for (const row of table) {
    t.assert.ok(stdout.includes(`| ${row.operation} |`), row.operation)
    for (const name of ['requestsPerSecond', 'processorUs', 'residentMb']) {
      t.assert.ok(row[name] > 0, `${row.operation}: ${name} is ${row[name]}`)
    }
    const mayRefuse = row.operation.startsWith('the flood')
    t.assert.ok(mayRefuse || Object.keys(row.failed).length === 0, JSON.stringify(row))
  }
  for (const [operation, highest] of Object.entries(MAX_RATIOS)) {
    const { processorRatio } = table.find(
      (row: { operation: string }) => row.operation === operation,
    )
    t.assert.ok(processorRatio.median <= highest, `${operation}: ${JSON.stringify(processorRatio)}`)
  }
})
