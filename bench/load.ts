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
  /** A list for each connection, which sends its requests in order and repeatedly. */
  requests: Request[][]
  /** The maximum number of requests per second of all connections. No maximum by default. */
  rate?: number
}

/** The results in the process of the load. */
export interface Answers {
  requests: number
  seconds: number
  p50: number
  p99: number
  /** The number of responses by status. */
  statuses: Record<string, number>
  /** Requests without a response. */
  errors: number
}

export interface Figures extends Answers {
  requestsPerSecond: number
  /** Processor time of the server and its workers per request, in µs. */
  processorUs: number
  residentMb: number
}

/** Sends a load from a separate process, and measures the server's processor time and memory. */
export async function drive(
  server: Server,
  load: Load,
  cores: string | undefined,
): Promise<Figures> {
  const child = fork(fileURLToPath(new URL('load-process.ts', import.meta.url)), {
    execArgv: ['--import', 'tsx'],
  })
  pin(child.pid ?? 0, cores)
  await once(child, 'message') // the process is ready
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
