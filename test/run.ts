// `npm test`: runs the test files side by side against a database server of the run's own, or
// against the one that TEST_DATABASE_URL names. Arguments: folders or files, and --no-coverage.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, readdirSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createConnection } from 'mysql2/promise'
import { joinEmbeddedDatabase } from '../src/embedded-database/embedded-database.ts'

const FILES_AT_ONCE = 3
const BUILD = '.test-build'
const SUITES = ['test/contract', 'test/db', 'test/plugins', 'test/routes', 'test/src']

const named = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const files = (named.length > 0 ? named : SUITES).flatMap(testFiles)
const withCoverage = named.length === 0 && !process.argv.includes('--no-coverage')

const given = process.env.TEST_DATABASE_URL || undefined // what is empty counts as not set
const folder = await mkdtemp(join(tmpdir(), 'gatehouse-test-'))
const server = given ? undefined : await joinEmbeddedDatabase(folder)
let child: ChildProcess | undefined
// The runner has to outlive the tests, to stop the server after them.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child?.kill(signal))
try {
  compile()
  if (server) await spareDisk(server.url)
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
    [...coverage, ...runner, `--test-concurrency=${FILES_AT_ONCE}`, ...files.map(compiled)],
    { stdio: 'inherit', env: { ...process.env, NODE_ENV: 'test', TEST_DATABASE_URL: url } },
  )
  const [code] = await once(child, 'exit')
  return code ?? 1
}

/** What the tests write has to outlive no crash; the private servers that they kill are others. */
async function spareDisk(url: string): Promise<void> {
  const connection = await createConnection(url)
  await connection.query('SET GLOBAL innodb_flush_log_at_trx_commit = 0')
  await connection.end()
}

/** Once for the run: each test file is a process, and starts in half the time from JavaScript. */
function compile(): void {
  const { status } = spawnSync(
    process.execPath,
    ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.test.json'],
    { stdio: 'inherit' },
  )
  if (status !== 0) throw new Error('the tests could not be compiled')
  cpSync('db/migrations', join(BUILD, 'db/migrations'), { recursive: true })
  cpSync('package.json', join(BUILD, 'package.json'))
}

function compiled(file: string): string {
  return join(BUILD, file.replace(/\.ts$/, '.js'))
}

function testFiles(path: string): string[] {
  if (statSync(path).isFile()) return [path]
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join(path, name))
}
