import type { Decision } from '../../db/queries/imports/decide.ts'
import { REASONS, type Reason, type Refusal } from './check-row.ts'
import type { HashedRow } from './hash-passwords.ts'

export interface ImportReport {
  source: string
  isDryRun: boolean
  /** Rows of the source. */
  count: number
  decisions: Map<HashedRow, Decision>
  refusals: Refusal[]
  /** Accounts that were deleted because the source no longer has them. */
  deleted: number
  /** Ids of accounts that the source no longer has, and that are still here. */
  missing: number[]
  seconds: number
}

const RULE = `If only the source changed a password since the latest import, it is taken over, and the account's
sessions and tokens end. If both sides changed it, Gatehouse's change is kept: the Flask service
accepts no changes after the switch, so Gatehouse's is newer. A role that was changed in
Gatehouse is kept.`

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
  const reasons = new Map<Reason, number>()
  for (const { reason } of refusals) reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
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
    reasons: Object.fromEntries(reasons),
    seconds: Math.round(seconds * 10) / 10,
  }
}

/** @returns the lines of the report for people. Names in it may hold characters that a terminal obeys */
export function describe(
  report: ImportReport,
  { listRefusals }: { listRefusals: boolean },
): string[] {
  const { isDryRun } = report
  const summary = summarize(report)
  const { createdWith: by } = summary
  const hashed = isDryRun ? 'to be hashed' : 'hashed now'
  const hashes = `${by.bcrypt} bcrypt, ${by.scrypt} scrypt, ${by.pbkdf2} pbkdf2, ${by.plain} plain text ${hashed}`
  const lines: [number, string][] = [
    [summary.created, `${isDryRun ? 'to be created' : 'created'} (${hashes})`],
    [summary.present, 'already present, unchanged'],
    [summary.updated, `changed in the source: ${isDryRun ? 'to be updated' : 'updated'}`],
    [summary.kept.length, `changed on both sides: Gatehouse's kept${listOf(summary.kept)}`],
    [summary.deletedHere, 'deleted in Gatehouse: not imported again'],
    [summary.deleted, `missing from the source: ${isDryRun ? 'to be deleted' : 'deleted'}`],
    [
      summary.missing.length,
      `missing from the source: kept, --delete-missing deletes them${listOf(summary.missing)}`,
    ],
    [summary.refused, 'refused'],
  ]
  const pad = (count: number) => String(count).padStart(String(report.count).length)
  const shown = lines.filter(([count], index) => count > 0 || index === 0)
  const reasons = Object.entries(REASONS).flatMap(([reason, message]) => {
    const count = summary.reasons[reason]
    return count === undefined ? [] : [`    ${pad(count)} ${reason}: ${message}`]
  })
  return [
    `${isDryRun ? 'Dry run, nothing is stored. ' : ''}${report.count} rows in ${report.source}, ${summary.seconds} s:`,
    ...shown.map(([count, text]) => `  ${pad(count)} ${text}`),
    ...reasons,
    ...(summary.updated + summary.kept.length > 0 ? RULE.split('\n') : []),
    ...(listRefusals ? report.refusals.map(describeRefusal) : []),
  ]
}

/** @returns a refused row as an object for JSON */
export function refusalItem(refusal: Refusal) {
  return { ...refusal, message: REASONS[refusal.reason] }
}

function describeRefusal({ place, username, reason }: Refusal): string {
  const name = username === undefined ? '' : ` ${JSON.stringify(username)}`
  return `refused: ${place}${name}: ${REASONS[reason]}`
}

const MAX_LISTED = 20

function listOf(items: (string | number)[]): string {
  const more = items.length > MAX_LISTED ? ', …' : ''
  return items.length === 0 ? '' : `: ${items.slice(0, MAX_LISTED).join(', ')}${more}`
}
