import type { Accounts } from './database.ts'
import { drive, type Environment, type Figures, type Load } from './load/load.ts'
import type { Server } from './servers.ts'

export interface Context extends Environment {
  /** The number of rounds in which each server is measured once. A ratio is their median. */
  pairs: number
  /** The length of a run, in s. */
  seconds: number
  /** The URL of the database server. */
  databaseServer: string
  progress(text: string): void
}

export interface Databases {
  /** A thousand accounts and sessions. */
  small: Accounts
  /** A million, created at the first call. */
  large(): Promise<Accounts>
}

export type Scenario = (context: Context, databases: Databases) => Promise<Row[]>

/** Thrown by a scenario that cannot run here. The message is a sentence for the user. */
export class Unavailable extends Error {}

export interface Spread {
  median: number
  lowest: number
  highest: number
}

/** A row of the table. */
export interface Row extends Omit<Figures, 'seconds' | 'requests'> {
  operation: string
  /** Processor time per request relative to bare Fastify, or to what the operation names. */
  processorRatio?: Spread
  /** Requests per second relative to the same. */
  rateRatio?: Spread
  /** p99 relative to what the operation names. */
  p99Ratio?: Spread
  /** How many credentials a request has. */
  credentials?: number
}

export interface Side {
  operation: string
  server: Server
  load: Omit<Load, 'seconds'>
}

/** A process that has just started costs more per request. */
const WARM_UP_S = 3

/**
 * Runs the loads in turn, several rounds. The speed of a shared machine changes every second, so
 * only adjacent runs can be compared.
 *
 * @returns a row of medians for each side, with the ratios to the base, which is last
 */
export async function compare(context: Context, sides: Side[], base: Side): Promise<Row[]> {
  const all = [...sides, base].map((side) => ({ side, figures: [] as Figures[] }))
  for (const { side } of all) await run(context, side, WARM_UP_S)
  for (let pair = 1; pair <= context.pairs; pair++) {
    for (const { side, figures } of all) {
      context.progress(`${side.operation}: ${pair} of ${context.pairs}`)
      figures.push(await run(context, side))
    }
  }
  const baseline = all.at(-1)?.figures ?? []
  return all.map(({ side, figures }) => ({
    ...toRow(side.operation, figures),
    ...(side !== base && {
      processorRatio: ratiosOf(figures, baseline, 'processorUs'),
      rateRatio: ratiosOf(figures, baseline, 'requestsPerSecond'),
    }),
  }))
}

/** @returns the ratios of one figure, round by round */
export function ratiosOf(
  figures: Figures[],
  baseline: Figures[],
  name: 'processorUs' | 'requestsPerSecond' | 'p99',
): Spread {
  return spreadOf(
    figures.map((figure, round) => figure[name] / (baseline[round]?.[name] ?? Number.NaN)),
  )
}

export function spreadOf(values: number[]): Spread {
  return { median: median(values), lowest: Math.min(...values), highest: Math.max(...values) }
}

/** Runs the load against one server once. */
export function run(
  context: Context,
  { server, load }: Omit<Side, 'operation'>,
  seconds = context.seconds,
): Promise<Figures> {
  return drive(context, server, { ...load, seconds })
}

/** @returns the medians of several runs, and the sum of their failures */
export function toRow(operation: string, figures: Figures[]): Row {
  const failed: Record<string, number> = {}
  for (const [reason, count] of figures.flatMap((figure) => Object.entries(figure.failed))) {
    failed[reason] = (failed[reason] ?? 0) + count
  }
  const of = (name: keyof Omit<Figures, 'failed'>) => median(figures.map((figure) => figure[name]))
  return {
    operation,
    requestsPerSecond: of('requestsPerSecond'),
    p50: of('p50'),
    p99: of('p99'),
    processorUs: of('processorUs'),
    databaseUs: of('databaseUs'),
    residentMb: of('residentMb'),
    failed,
  }
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
