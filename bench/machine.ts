import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'

const MS_PER_TICK = 10 // of /proc, on every Linux that Node runs on
const KIB = 1_024

/** The cores of each process, as lists for `taskset`. */
export interface Cores {
  /** The server under test has these for itself. */
  server: string
  /** For a server with hashes or workers: all cores that the load does not need. */
  wide: string
  database: string
  load: string
}

/**
 * Gives the server a core of its own. The database and the load share the others.
 *
 * @returns undefined on one core, or without `taskset`
 */
export function shareCores(count = availableParallelism()): Cores | undefined {
  if (count < 2 || !hasTaskset()) return undefined
  if (count === 2) return { server: '0', wide: '0,1', database: '1', load: '1' }
  const last = count - 1
  return { server: '0', wide: `0-${last - 2 || 1}`, database: `${last - 1}`, load: `${last}` }
}

function hasTaskset(): boolean {
  try {
    execFileSync('taskset', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Moves a running process and its threads. */
export function pin(pid: number, cores: string | undefined): void {
  if (cores) execFileSync('taskset', ['-a', '-p', '-c', cores, String(pid)], { stdio: 'ignore' })
}

/** @returns the processor time of a process and its running children, in µs */
export function processorTimeUs(pid: number): number {
  return familyOf(pid).reduce((sum, member) => {
    const fields = readFileSync(`/proc/${member}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return sum + (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK * 1_000
  }, 0)
}

/** @returns the largest resident size among a process and its children, in MB */
export function residentMb(pid: number): number {
  const sizes = familyOf(pid).map((member) => {
    const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${member}/status`, 'utf8'))?.[1]
    return (Number(kib) * KIB) / 1e6
  })
  return Math.max(...sizes)
}

function familyOf(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean),
  )
  return [pid, ...children.map(Number)]
}

/** Figures mean nothing without these facts. */
export function describeMachine() {
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    node: process.version,
    date: new Date().toISOString(),
  }
}
