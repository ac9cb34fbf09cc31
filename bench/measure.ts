import type { Accounts } from './database.ts'
import { drive, type Figures, type Load } from './load.ts'
import type { Cores } from './machine.ts'
import type { Server } from './servers.ts'

export interface Context {
  cores: Cores | undefined
  /** The number of pairs of runs. A ratio is their median. */
  pairs: number
  /** The length of a run, in s. */
  seconds: number
  progress(text: string): void
}

export interface Databases {
  /** A thousand accounts and sessions. */
  small: Accounts
  /** A million, created at the first call. */
  large(): Promise<Accounts>
}

export type Scenario = (context: Context, databases: Databases) => Promise<Row[]>

/** A row of the table. */
export interface Row extends Omit<Figures, 'seconds' | 'requests' | 'statuses' | 'errors'> {
  operation: string
  /** Requests per second relative to bare Fastify, or to what the operation names. */
  ratio?: number
  /** The lowest and the highest ratio of the pairs. */
  spread?: [number, number]
  /** Responses other than 200, by status, and requests without a response. */
  failed?: Record<string, number>
}

interface Side {
  operation: string
  server: Server
  load: Omit<Load, 'seconds'>
}

/**
 * Runs the load against two servers alternately. The speed of a shared machine changes every
 * second, so only adjacent runs can be compared.
 *
 * @returns a row of medians for each server, the first with its ratio to the second
 */
export async function compare(context: Context, subject: Side, base: Side): Promise<[Row, Row]> {
  const figures: [Figures[], Figures[]] = [[], []]
  await run(context, subject, WARM_UP_S)
  await run(context, base, WARM_UP_S)
  for (let pair = 1; pair <= context.pairs; pair++) {
    context.progress(`${subject.operation}: pair ${pair} of ${context.pairs}`)
    figures[0].push(await run(context, subject))
    figures[1].push(await run(context, base))
  }
  const ratios = figures[0].map(
    (own, pair) => own.requestsPerSecond / (figures[1][pair]?.requestsPerSecond ?? Number.NaN),
  )
  const spread: Row['spread'] = [Math.min(...ratios), Math.max(...ratios)]
  return [
    { ...toRow(subject.operation, figures[0]), ratio: median(ratios), spread },
    toRow(base.operation, figures[1]),
  ]
}

const WARM_UP_S = 3

/** Runs the load against one server once. */
export function run(
  { cores, seconds }: Context,
  { server, load }: Omit<Side, 'operation'>,
  forSeconds = seconds,
): Promise<Figures> {
  return drive(server, { ...load, seconds: forSeconds }, cores?.load)
}

/** @returns the medians of several runs, and the sum of their failures */
export function toRow(operation: string, figures: Figures[]): Row {
  const of = (name: 'requestsPerSecond' | 'p50' | 'p99' | 'processorUs' | 'residentMb') =>
    median(figures.map((figure) => figure[name]))
  const failed: Record<string, number> = {}
  for (const { statuses, errors } of figures) {
    for (const [status, count] of Object.entries({ ...statuses, 'no answer': errors })) {
      if (status !== '200' && count > 0) failed[status] = (failed[status] ?? 0) + count
    }
  }
  return {
    operation,
    requestsPerSecond: of('requestsPerSecond'),
    p50: of('p50'),
    p99: of('p99'),
    processorUs: of('processorUs'),
    residentMb: of('residentMb'),
    ...(Object.keys(failed).length > 0 && { failed }),
  }
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
