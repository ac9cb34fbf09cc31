import type { describeMachine } from './machine.ts'
import type { Row } from './measure.ts'

const HEADER = [
  'operation',
  'requests/s',
  'ratio (lowest to highest)',
  'p50 ms',
  'p99 ms',
  'processor µs/request',
  'resident MB',
  'not 200',
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
  const { ratio, spread, failed = {} } = row
  const range = spread?.map((value) => value.toFixed(2)).join(' to ')
  return [
    row.operation,
    row.requestsPerSecond.toFixed(row.requestsPerSecond < 100 ? 1 : 0),
    ratio === undefined ? '' : `${ratio.toFixed(2)} (${range})`,
    String(row.p50),
    String(row.p99),
    row.processorUs.toFixed(1),
    row.residentMb.toFixed(0),
    Object.entries(failed)
      .map(([status, count]) => `${count} × ${status}`)
      .join(', '),
  ]
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
