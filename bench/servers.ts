import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../test/support/process/free-port.ts'
import { COST, SECRET } from './database.ts'
import { pin } from './machine.ts'

const START_TIMEOUT_MS = 30_000
const POLL_MS = 50

/** The built server, and the servers that it is compared with. */
const PROGRAMS = {
  gatehouse: ['dist/src/server.js'],
  bare: ['--import', 'tsx', 'bench/programs/bare.ts'],
  ordinary: ['--import', 'tsx', 'bench/programs/ordinary.ts'],
  'better-auth': ['bench/peer/server.mjs'],
}

export type Program = keyof typeof PROGRAMS

export interface Server {
  url: string
  pid: number
  stop(): Promise<void>
}

export interface ServerOptions {
  program: Program
  /** The URL of the database. */
  url: string
  /** A list for `taskset`. */
  cores: string | undefined
  settings?: Record<string, string>
}

/** Starts servers, and stops them when the work has ended or failed. */
export async function withServers<const Options extends readonly ServerOptions[], Result>(
  options: Options,
  work: (servers: { [Index in keyof Options]: Server }) => Promise<Result>,
): Promise<Result> {
  const servers: Server[] = []
  try {
    for (const each of options) servers.push(await startServer(each))
    return await work(servers as { [Index in keyof Options]: Server }) // as many as there are options
  } finally {
    await Promise.all(servers.map(({ stop }) => stop()))
  }
}

async function startServer({ program, url: databaseUrl, cores, settings }: ServerOptions) {
  const port = await freePort()
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-bench-log-')) // a scenario logs each request
  const log = await open(join(folder, 'log'), 'a')
  const child = spawn(process.execPath, PROGRAMS[program], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    stdio: ['ignore', log.fd, 'inherit'],
    env: {
      ...process.env,
      NODE_ENV: 'production',
      PORT: String(port),
      DATABASE_URL: databaseUrl,
      SESSION_SECRET: SECRET,
      COOKIE_SECURE: 'false',
      BCRYPT_COST: String(COST),
      LOG_LEVEL: 'warn',
      RATE_LIMIT_MAX: '1000000000', // on, and never reached
      MAX_TOKENS: '10000', // as well
      LOGIN_THROTTLE_ENABLED: 'false',
      ...settings,
    },
  })
  await log.close()
  const url = `http://127.0.0.1:${port}`
  const pid = child.pid ?? 0
  const stop = async () => {
    await stopProcess(child)
    await rm(folder, { recursive: true })
  }
  try {
    await untilAnswering(url, child)
  } catch (error) {
    await stop()
    throw error
  }
  pin(pid, cores)
  return { url, pid, stop }
}

async function untilAnswering(url: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS
  while (Date.now() < deadline && child.exitCode === null) {
    const answer = await fetch(`${url}/livez`).catch(() => undefined)
    if (answer) return void (await answer.arrayBuffer())
    await sleep(POLL_MS)
  }
  throw new Error(`${child.spawnargs.join(' ')} does not answer`)
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
}
