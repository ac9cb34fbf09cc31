import { drive, type Figures, type Load } from './load.ts'
import type { Cores } from './machine.ts'
import type { Server } from './servers.ts'

export interface Context {
  cores: Cores | undefined
  /** How many pairs a ratio is the median of. */
  pairs: number
  /** How long each of a pair is driven. */
  seconds: number
  progress(text: string): void
}

/** A line of the table. */
export interface Row extends Omit<Figures, 'seconds' | 'requests' | 'statuses' | 'errors'> {
  operation: string
  /** Requests a second by those of bare Fastify (or of what the operation names), in pairs. */
  ratio?: number
  /** The least and the most of the pairs. */
  spread?: [number, number]
  /** Answers that weren't 200, by status, and requests without one. */
  failed?: Record<string, number>
}

interface Side {
  operation: string
  server: Server
  load: Omit<Load, 'seconds'>
}

/**
 * Drives two servers in turn, several times, since a shared machine's speed changes by the second:
 * only neighbours can be compared.
 *
 * @returns a row of medians for each, the first with its ratio to the second
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

/** Drives one server once. */
export function run(
  { cores, seconds }: Context,
  { server, load }: Omit<Side, 'operation'>,
  forSeconds = seconds,
): Promise<Figures> {
  return drive(server, { ...load, seconds: forSeconds }, cores?.load)
}

/** @returns the medians of several runs, and the sum of what failed */
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
