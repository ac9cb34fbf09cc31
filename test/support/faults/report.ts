import { appendFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import type { Findings } from './clients/ledger.ts'
import type { Observer } from './clients/observer.ts'

/** A row of the table. */
export interface Row {
  fault: string
  sent: number
  acknowledged: number
  lost: number
  undue: number
  slowest: string
  statuses: string
  /** By kind of request, or a dash if nothing was interrupted. */
  recovery: string
  notes: string[]
  problems: string[]
}

/** Adds a row to the table, and fails the test if it has problems. */
export function conclude(t: TestContext, row: Row): void {
  const file = process.env.FAULTS_ROWS
  if (file) appendFileSync(file, `${JSON.stringify(row)}\n`)
  t.assert.deepStrictEqual(row.problems, [])
}

/** @returns the row of what the clients saw, whose problems are at least the observer's */
export function rowOf(
  fault: string,
  { sent, acknowledged, slowestMs, slowest, statuses, violations }: Observer,
  findings?: Pick<Findings, 'lost' | 'undue' | 'unverified'>,
): Row {
  const { lost = [], undue = [], unverified = [] } = findings ?? {}
  return {
    fault,
    sent,
    acknowledged,
    lost: lost.length,
    undue: undue.length,
    slowest: `${Math.round(slowestMs)} ms, ${slowest}`,
    statuses: [...statuses].map(([status, count]) => `${status}×${count}`).join(' '),
    recovery: '-',
    notes: [],
    problems: [
      ...violations,
      ...lost.slice(0, 5).map((what) => `lost: ${what}`),
      ...undue.slice(0, 5).map((what) => `carried out although refused: ${what}`),
      ...unverified.map((what) => `cannot be verified: ${what}`),
    ],
  }
}

/** @returns the table as text */
export function table(rows: Row[]): string {
  const head = [
    ...['fault', 'sent', 'acknowledged', 'lost', 'undue', 'slowest', 'statuses', 'recovery'],
    ...['notes', 'result'],
  ]
  const lines = rows.map((row) => [
    row.fault,
    ...[row.sent, row.acknowledged, row.lost, row.undue, row.slowest],
    row.statuses,
    row.recovery,
    row.notes.join(', '),
    row.problems.length === 0 ? 'ok' : `FAILED: ${row.problems.join('; ')}`,
  ])
  return [head, head.map(() => '---'), ...lines]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')
}
