// `npm test`: runs the test files against a database server of the run's own, or against the one
// that TEST_DATABASE_URL names. Arguments: folders or files, --no-coverage, --processes=N, and
// --process-per-file for files that take far longer to run than to start.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createConnection } from 'mysql2/promise'
import { joinEmbeddedDatabase } from '../src/embedded-database/embedded-database.ts'
import { BUILD, compile, compiled } from './support/compile.ts'

/** Two keep two cores busy while others wait for a process or for the database. */
const DEFAULT_PROCESSES = 4
const SUITES = ['contract', 'db', 'deploy', 'plugins', 'routes', 'src'].map(
  (name) => `test/${name}`,
)

const named = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const files = (named.length > 0 ? named : SUITES).flatMap(testFiles).sort()
const PROCESSES = Number(optionOf('--processes') ?? DEFAULT_PROCESSES)
const isPerFile = process.argv.includes('--process-per-file')
const withCoverage = named.length === 0 && !process.argv.includes('--no-coverage')

const given = process.env.TEST_DATABASE_URL || undefined // an empty value counts as not set
const folder = await mkdtemp(join(tmpdir(), 'gatehouse-test-'))
const compiling = compile()
const server = given ? undefined : await joinEmbeddedDatabase(folder)
let child: ChildProcess | undefined
// The runner has to outlive the tests, to stop the server after them.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child?.kill(signal))
try {
  await compiling
  if (server) await skipDiskFlush(server.url)
  process.exitCode = await runTests(given ?? server?.url ?? '')
} finally {
  await server?.close()
  await rm(folder, { recursive: true, force: true })
}

async function runTests(url: string): Promise<number> {
  const coverage = withCoverage ? ['node_modules/c8/bin/c8.js', process.execPath] : []
  const runner = ['--enable-source-maps', '--test', '--test-reporter=spec']
  child = spawn(
    process.execPath,
    [
      ...[...coverage, ...runner, `--test-concurrency=${PROCESSES}`],
      ...(isPerFile ? files.map(compiled) : writeGroups()),
    ],
    {
      stdio: 'inherit',
      env: {
        ...process.env,
        NODE_ENV: 'test',
        TEST_DATABASE_URL: url,
        // For test/support/coverage.ts.
        MEASURED_PROGRAMS: await mkdtemp(join(folder, 'measured-')),
      },
    },
  )
  const [code] = await once(child, 'exit')
  return code ?? 1
}

/**
 * Node runs each test file in a process of its own, and most take longer to start than to run.
 * So the files are spread over a few groups: each is one file that loads its share of them.
 */
function writeGroups(): string[] {
  const groups = Array.from({ length: Math.min(PROCESSES, files.length) }, (_, group) =>
    files.filter((_file, index) => index % PROCESSES === group).map(compiled),
  )
  return groups.map((group, index) => {
    const path = join(BUILD, `group-${index + 1}.js`)
    const load = `await loadFiles(${JSON.stringify(group, null, 2)})`
    writeFileSync(path, `import { loadFiles } from './test/support/load-files.js'\n${load}\n`)
    return path
  })
}

/** No crash needs to keep what the tests write; tests that kill a server start their own. */
async function skipDiskFlush(url: string): Promise<void> {
  const connection = await createConnection(url)
  await connection.query('SET GLOBAL innodb_flush_log_at_trx_commit = 0')
  await connection.end()
}

function optionOf(name: string): string | undefined {
  return process.argv.find((argument) => argument.startsWith(`${name}=`))?.slice(name.length + 1)
}

function testFiles(path: string): string[] {
  if (statSync(path).isFile()) return [path]
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join(path, name))
}
