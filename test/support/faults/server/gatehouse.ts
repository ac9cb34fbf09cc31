import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import { until } from '../../until.ts'
import { killNow, undoAtExit } from '../machine/at-exit.ts'
import { freePort } from '../machine/free-port.ts'
import { ServerLog } from './server-log.ts'

/** The folder of the build under test. */
export const BUILD = resolve('dist')

/** The connections of a process to the database, in both pools. */
export const POOL_CONNECTIONS = 10 + 2

export const SESSION_SECRET = 'the secret of the fault tests of 32 characters or more'

type Environment = Record<string, string>

/** The environment of a server in production, on a database. */
function environmentFor(databaseUrl: string): Environment {
  return {
    NODE_ENV: 'production',
    DATABASE_URL: databaseUrl,
    SESSION_SECRET,
    COOKIE_SECURE: 'false',
    BCRYPT_COST: '10',
    RATE_LIMIT_ENABLED: 'false',
    LOG_LEVEL: 'warn',
  }
}

/** Runs `gatehouse migrate`. @returns its output */
export async function migrate(databaseUrl: string, build = BUILD): Promise<string> {
  const env = environmentFor(databaseUrl)
  const script = join(build, 'src/cli.js')
  const { stdout } = await promisify(execFile)(process.execPath, [script, 'migrate'], { env })
  return stdout
}

/** Starts the built server. @returns when it responds */
export async function startGatehouse(
  t: TestContext,
  databaseUrl: string,
  environment: Environment = {},
  build = BUILD,
): Promise<Gatehouse> {
  const settings = { ...environmentFor(databaseUrl), ...environment }
  const server = new Gatehouse(await freePort(), settings, build)
  t.after(undoAtExit(() => server.killNow()))
  await server.start()
  return server
}

/** A server under test. */
export class Gatehouse {
  readonly url: string
  readonly port: number
  readonly log = new ServerLog()
  /** The folder of the build that the next start runs. */
  build: string
  readonly #environment: Environment
  #process: ChildProcess | undefined
  #exited: Promise<number | string> | undefined

  constructor(port: number, environment: Environment, build = BUILD) {
    this.build = build
    this.port = port
    this.url = `http://127.0.0.1:${port}`
    this.#environment = { ...environment, PORT: String(port) }
  }

  get pid(): number {
    return this.#process?.pid ?? 0
  }

  /** @returns when the server responds */
  async start(): Promise<void> {
    // In the temporary folder, where there is no `.env`.
    const child = spawn(process.execPath, [join(this.build, 'src/server.js')], {
      cwd: tmpdir(),
      env: this.#environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#process = child
    this.#exited = once(child, 'exit').then(([code, signal]) => code ?? signal)
    for (const input of [child.stdout, child.stderr]) {
      createInterface({ input }).on('line', this.log.add)
    }
    await until(
      async () => this.hasExited() || (await this.responds()),
      () => `the server does not respond:\n${this.log.text}`,
    )
    if (this.hasExited()) throw new Error(`the server has exited:\n${this.log.text}`)
  }

  responds(): Promise<boolean> {
    const answer = fetch(`${this.url}/livez`, { headers: { connection: 'close' } })
    return answer.then(
      ({ ok }) => ok,
      () => false,
    )
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal)
  }

  /** @returns the exit code, or the name of the signal that ended the process */
  exited(): Promise<number | string> {
    return this.#exited ?? Promise.resolve('not started')
  }

  hasExited(): boolean {
    const child = this.#process
    return !child || child.exitCode !== null || child.signalCode !== null
  }

  killNow(): void {
    if (!this.hasExited()) killNow(this.pid)
  }
}
