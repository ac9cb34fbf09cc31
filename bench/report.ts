import type { describeMachine } from './machine.ts'
import type { Row, Spread } from './measure.ts'

const HEADER = [
  'operation',
  'µs/request',
  'ratio (lowest to highest)',
  'requests/s',
  'ratio',
  'p50 ms',
  'p99 ms',
  'database µs/request',
  'resident MB',
  'remarks',
]

/** Prints the figures as a Markdown table. */
export function printTable(machine: ReturnType<typeof describeMachine>, rows: Row[]): void {
  console.log(
    `${Object.entries(machine)
      .map(([name, value]) => `${name}: ${text(value)}`)
      .join('; ')}\n`,
  )
  for (const cells of [HEADER, HEADER.map(() => '---'), ...rows.map(toCells)]) {
    console.log(`| ${cells.join(' | ')} |`)
  }
}

function toCells(row: Row): string[] {
  const { processorRatio, rateRatio, p99Ratio, credentials } = row
  const failed = Object.entries(row.failed).map(([reason, count]) => `${count} × ${reason}`)
  return [
    row.operation,
    row.processorUs.toFixed(1),
    processorRatio ? withRange(processorRatio) : '',
    row.requestsPerSecond.toFixed(row.requestsPerSecond < 100 ? 1 : 0),
    rateRatio ? withRange(rateRatio) : '',
    row.p50.toFixed(1),
    row.p99.toFixed(1),
    row.databaseUs.toFixed(1),
    row.residentMb.toFixed(0),
    [
      ...(p99Ratio ? [`p99: ${withRange(p99Ratio)} times`] : []),
      ...(credentials ? [perCore(row.processorUs / credentials)] : []),
      ...failed,
    ].join(', '),
  ]
}

/** @param us the processor time of a credential */
function perCore(us: number): string {
  const perSecond = Math.round(1e6 / us).toLocaleString('en')
  return `${us.toFixed(2)} µs per credential: ${perSecond} credentials/s by a core`
}

function withRange({ median, lowest, highest }: Spread): string {
  return `${median.toFixed(2)} (${lowest.toFixed(2)} to ${highest.toFixed(2)})`
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
