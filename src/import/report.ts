import type { Decision } from '../../db/queries/imports/decide.ts'
import { REASONS, type Refusal } from './check-row.ts'
import type { ImportedRow } from './options.ts'

export interface ImportReport {
  source: string
  isDryRun: boolean
  /** Rows of the source. */
  count: number
  decisions: Map<ImportedRow, Decision>
  refusals: Refusal[]
  /** Accounts that were deleted because the source no longer has them. */
  deleted: number
  /** Ids of accounts that the source no longer has, and that are still here. */
  missing: number[]
  seconds: number
}

const RULE = `A change on one side since the latest import is taken over or stays. If a password or role
changed on both sides, Gatehouse's stays: it is newer, because the old service takes no
changes after Gatehouse takes the first one.`

/** @returns the numbers of the report, for `--json` */
export function summarize(report: ImportReport) {
  const { source, isDryRun, count, decisions, refusals, deleted, missing, seconds } = report
  const rowsWith = (wanted: (decision: Decision) => boolean) =>
    [...decisions].filter(([, decision]) => wanted(decision)).map(([row]) => row)
  const created = rowsWith(({ kind }) => kind === 'create')
  const hashes = { bcrypt: 0, scrypt: 0, pbkdf2: 0, plain: 0 }
  for (const { scheme } of created) hashes[scheme]++
  const merged = (change: 'taken' | 'kept') =>
    rowsWith(
      (decision) =>
        decision.kind === 'merge' && [decision.password, decision.role].includes(change),
    )
  const reasons: Partial<Record<string, number>> = {}
  for (const { reason } of refusals) reasons[reason] = (reasons[reason] ?? 0) + 1
  return {
    source,
    dryRun: isDryRun,
    rows: count,
    created: created.length,
    createdWith: hashes,
    present: rowsWith(({ kind }) => kind === 'present' || kind === 'adopt').length,
    updated: merged('taken').length,
    kept: merged('kept').map(({ place }) => place),
    deletedHere: rowsWith(({ kind }) => kind === 'deleted-here').length,
    deleted,
    missing,
    refused: refusals.length,
    reasons,
    seconds: Math.round(seconds * 10) / 10,
  }
}

/** @param listed whether to list the refused rows, and not only their number by reason */
export function describe(report: ImportReport, listed: boolean): string {
  const summary = summarize(report)
  const { createdWith: by, reasons } = summary
  const verb = report.isDryRun ? 'to be created' : 'created'
  const lines: [number, string][] = [
    [
      summary.created,
      `${verb}: ${by.bcrypt} with bcrypt hashes, ${by.scrypt} scrypt, ${by.pbkdf2} pbkdf2, ${by.plain} passwords in plain text, ${report.isDryRun ? 'to be hashed' : 'hashed now'}`,
    ],
    [summary.present, 'are there already, unchanged'],
    [summary.updated, 'changed in the source, taken over'],
    [summary.kept.length, `changed on both sides, Gatehouse's change stays${listOf(summary.kept)}`],
    [summary.deletedHere, 'were imported and then deleted here, stay deleted'],
    [summary.deleted, `gone from the source, ${report.isDryRun ? 'to be deleted' : 'deleted'}`],
    [
      summary.missing.length,
      `gone from the source, still here; --delete-missing deletes them${listOf(summary.missing)}`,
    ],
    [summary.refused, 'refused'],
  ]
  const width = String(report.count).length
  const shown = lines.filter(([count], index) => count > 0 || index === 0)
  return [
    `${report.isDryRun ? 'Dry run, nothing is stored. ' : ''}${report.count} rows in ${report.source}, ${summary.seconds} s:`,
    ...shown.map(([count, text]) => `  ${String(count).padStart(width)} ${text}`),
    ...Object.entries(reasons).map(
      ([reason, count]) => `    ${String(count).padStart(width)} ${reason}: ${textOf(reason)}`,
    ),
    ...(summary.updated + summary.kept.length > 0 ? [RULE] : []),
    ...(listed ? report.refusals.map(describeRefusal) : []),
  ].join('\n')
}

/** @returns one line of JSON: names are quoted, so that their control characters are visible */
export function refusalLine({ place, username, reason }: Refusal): string {
  return JSON.stringify({ place, username, reason, message: REASONS[reason] })
}

function describeRefusal({ place, username, reason }: Refusal): string {
  const name = username === undefined ? '' : ` ${JSON.stringify(username)}`
  return `refused: ${place}${name}: ${REASONS[reason]}`
}

function textOf(reason: string): string {
  return Object.entries(REASONS).find(([key]) => key === reason)?.[1] ?? ''
}

const MAX_LISTED = 20

function listOf(items: (string | number)[]): string {
  const more = items.length > MAX_LISTED ? ', …' : ''
  return items.length === 0 ? '' : `: ${items.slice(0, MAX_LISTED).join(', ')}${more}`
}
