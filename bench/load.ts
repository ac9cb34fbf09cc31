import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { pin, processorTimeUs, residentMb } from './machine.ts'
import type { Server } from './servers.ts'

export interface Request {
  method: 'GET' | 'POST'
  path: string
  headers?: Record<string, string>
  body?: string
}

export interface Load {
  connections: number
  seconds: number
  /** What each connection sends in turn; the first takes the first list, and so on. */
  requests: Request[][]
  /** How many a second all connections send at most; as fast as they can without it. */
  rate?: number
}

/** What the load's own process saw. */
export interface Answers {
  requests: number
  seconds: number
  p50: number
  p99: number
  /** How many answers had which status. */
  statuses: Record<string, number>
  /** Without any answer. */
  errors: number
}

export interface Figures extends Answers {
  requestsPerSecond: number
  /** Of the server, its workers included. */
  processorUs: number
  residentMb: number
}

/** Drives a server from a process of its own, and measures what the server takes meanwhile. */
export async function drive(
  server: Server,
  load: Load,
  cores: string | undefined,
): Promise<Figures> {
  const child = fork(fileURLToPath(new URL('load-process.ts', import.meta.url)), {
    execArgv: ['--import', 'tsx'],
  })
  pin(child.pid ?? 0, cores)
  await once(child, 'message') // it is loaded
  const before = processorTimeUs(server.pid)
  child.send({ url: server.url, ...load })
  const [answers] = (await once(child, 'message')) as [Answers] // as load-process.ts sends it
  const took = processorTimeUs(server.pid) - before
  const ended = once(child, 'exit')
  child.disconnect()
  await ended
  return {
    ...answers,
    requestsPerSecond: answers.requests / answers.seconds,
    processorUs: took / answers.requests,
    residentMb: residentMb(server.pid),
  }
}
