import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { findServerBinary } from '../../../scripts/server-binary.mjs'
import { migrateDatabase } from '../../../src/config/resolve.ts'
import { joinEmbeddedDatabase } from '../../../src/embedded-database/embedded-database.ts'
import { bundled } from '../bundled.ts'
import { coverageOf } from '../coverage.ts'
import { until } from '../until.ts'
import { makeFolder } from './folder.ts'

/** Far longer than a busy machine takes: only a process that hangs reaches it. */
const PROCESS_TIMEOUT_MS = 60_000

type Environment = Record<string, string>
export type Installation = Awaited<ReturnType<typeof install>>

/** For the options of tests that run a private database server. */
export const needsServerBinary = { skip: findServerBinary() ? false : 'no server binary' }

/**
 * Creates the files of a private database once. To copy them takes a fifth of the time.
 *
 * @returns their folder, for `install`
 */
export async function makeDatabaseFiles(): Promise<string> {
  const folder = await makeFolder({ after })
  if (!findServerBinary()) return folder
  const database = await joinEmbeddedDatabase(folder)
  await migrateDatabase(database.url)
  await database.close()
  return folder
}

/**
 * Creates a working folder for processes of Gatehouse. After the test, the processes and their
 * database servers are killed and the folder is deleted.
 *
 * @param databaseFiles the initial content of `.data/`; without it, there is no `.data/`
 */
export async function install(t: TestContext, databaseFiles?: string) {
  const children: ChildProcessWithoutNullStreams[] = []
  let data = ''
  // Registered before the deletion of the folder, so that nothing writes to it by then.
  t.after(async () => {
    for (const child of children) await kill(child)
    const pid = databasePid(data)
    if (!pid || !isRunning(pid)) return
    process.kill(pid, 'SIGKILL')
    await ended(pid)
  })
  const folder = await makeFolder(t)
  data = join(folder, '.data')
  if (databaseFiles) await cp(databaseFiles, data, { recursive: true })

  /** The environment is the given one, what a process needs to run, and the lowest cost of hashes. */
  function startProgram(
    command: string,
    args: string[],
    environment: Environment = {},
    NODE_V8_COVERAGE = coverageOf(args, environment),
  ) {
    const { PATH = '' } = process.env
    const child = spawn(command, args, {
      cwd: folder,
      env: { PATH, NODE_V8_COVERAGE, BCRYPT_COST: '10', ...environment },
      detached: true, // a process group, so that a test can do what Ctrl-C does
    })
    children.push(child)
    return child
  }

  function start(script: string, args: string[] = [], environment: Environment = {}) {
    const coverage = coverageOf([script, ...args], environment)
    // Coverage is reported for each file of the source.
    const form = coverage ? script : bundled(script)
    return startProgram(process.execPath, nodeArguments(form, args), environment, coverage)
  }

  return {
    folder,
    data,
    startProgram,
    start,
    /** Runs a script to its end. */
    async run(script: string, args: string[], environment: Environment = {}, input = '') {
      const child = start(script, args, environment)
      child.stdin.end(input)
      const [stdout, stderr, code] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        exitCode(child),
      ])
      return { code, stdout, stderr }
    },
    /** The process id of the private database server. */
    databasePid(): number {
      const pid = databasePid(data)
      if (!pid) throw new Error('no database server runs')
      return pid
    },
  }
}

/** Starts the server on a free port and waits until it listens. */
export async function startServer(site: Installation, environment: Environment = {}) {
  const child = site.start('src/server.ts', [], { PORT: '0', ...environment })
  const { said, until } = listenTo(child)
  const url = await until(/listening at (http:[^"]+)/)
  if (environment.DATABASE_URL === undefined) await until(/role admin/)
  return { url, child, said, until }
}

/** The arguments that let Node run a compiled script from any folder. */
export function nodeArguments(script: string, args: string[]): string[] {
  const compiled = new URL(`../../../${script.replace(/\.ts$/, '.js')}`, import.meta.url)
  return ['--enable-source-maps', fileURLToPath(compiled), ...args]
}

/** @returns the exit code, or the name of the signal that ended the process */
export async function exitCode(child: ChildProcessWithoutNullStreams): Promise<number | string> {
  if (child.exitCode === null && child.signalCode === null) {
    await once(child, 'exit', { signal: AbortSignal.timeout(PROCESS_TIMEOUT_MS) })
  }
  return child.exitCode ?? child.signalCode ?? ''
}

/**
 * Collects the output of a process.
 *
 * @returns `until`, which waits for a text and rejects if the process exits before
 */
export function listenTo(child: ChildProcessWithoutNullStreams) {
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said += chunk
    })
  }
  return {
    said: () => said,
    async until(pattern: RegExp): Promise<string> {
      const hasEnded = () => child.exitCode !== null || child.signalCode !== null
      const describe = () => `the process did not print ${pattern}, but:\n${said}`
      await until(() => pattern.test(said) || hasEnded(), describe)
      const found = pattern.exec(said)
      if (!found) throw new Error(describe())
      return found[1] ?? found[0]
    },
  }
}

/** Waits until a process has exited. */
export async function ended(pid: number): Promise<void> {
  await until(
    () => !isRunning(pid),
    () => `process ${pid} still runs`,
  )
}

export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** The server writes its process id to its folder when it is ready, and deletes it when it stops. */
function databasePid(data: string): number | undefined {
  const file = join(data, 'server.pid')
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : undefined
}

/** With its group: the program that creates the database files would continue otherwise. */
async function kill(child: ChildProcessWithoutNullStreams): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  process.kill(-child.pid, 'SIGKILL')
  await exitCode(child)
}
