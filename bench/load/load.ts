import { findProgram } from '../../scripts/server-binary.mjs'
import { type Cores, processorTimeUs, residentMb } from '../machine.ts'
import type { Server } from '../servers.ts'
import { runAutocannon } from './autocannon.ts'
import type { Answers, Load } from './types.ts'
import { runWrk } from './wrk.ts'

export type { Load, Request } from './types.ts'

export interface Figures extends Answers {
  requestsPerSecond: number
  /** Processor time of the server and its workers per request, in µs. */
  processorUs: number
  /** Processor time of the database server per request, in µs. */
  databaseUs: number
  residentMb: number
}

const wrk = findProgram('wrk')

/** autocannon takes 20 µs of processor time per request, more than a fast server; wrk takes 3 to 5. */
export const LOAD_GENERATOR = wrk ? 'wrk' : 'autocannon (wrk is not installed)'

/** What is measured beside the server, and which cores the load generator has. */
export interface Environment {
  cores: Cores | undefined
  databasePid: number
}

/** Sends a load from a process of its own, and measures the processor time of both servers. */
export async function drive(
  { cores, databasePid }: Environment,
  server: Server,
  load: Load,
): Promise<Figures> {
  const before = [processorTimeUs(server.pid), processorTimeUs(databasePid)] as const
  const answers = wrk
    ? await runWrk(wrk, server.url, load, cores?.load)
    : await runAutocannon(server.url, load, cores?.load)
  return {
    ...answers,
    requestsPerSecond: answers.requests / answers.seconds,
    processorUs: (processorTimeUs(server.pid) - before[0]) / answers.requests,
    databaseUs: (processorTimeUs(databasePid) - before[1]) / answers.requests,
    residentMb: residentMb(server.pid),
  }
}
