import { sql } from 'drizzle-orm'
import type { Database } from '../../db/client.ts'
import { now } from '../../db/clock.ts'
import { withLease } from '../../db/lease.ts'
import { allImported, type ImportedIdentity as Missing } from '../../db/queries/imports/find.ts'
import { store } from '../../db/queries/imports/store.ts'
import { importedUsers } from '../../db/schema.ts'
import { type CheckedRow, type Refusal, RowChecker } from './check-row.ts'
import { hashPlainPasswords } from './hash-passwords.ts'
import type { ImportOptions } from './options.ts'
import type { ImportReport } from './report.ts'
import type { Source } from './sources/source.ts'

/**
 * Imports the accounts of a source: reads and checks all rows, hashes passwords in plain text, and
 * stores everything in one transaction. One process at a time imports.
 *
 * The rows wait in memory, so that no transaction is open while passwords are hashed.
 *
 * @throws Error before anything is stored if the source cannot be read, or with `deleteMissing` if it
 *   is empty or some rows have no readable id and username; and the database's errors
 */
export async function importAccounts(db: Database, options: ImportOptions): Promise<ImportReport> {
  const report = await withLease(db, 'import', (lost) => importAlone(db, options, lost))
  if (report) return report
  throw new Error('Another import is running.')
}

async function importAlone(
  db: Database,
  options: ImportOptions,
  lost: AbortSignal,
): Promise<ImportReport> {
  const { source, deleteMissing, isDryRun, reservedIds } = options
  const startedMs = performance.now()
  const readAt = await clockOf(db)
  const { rows, refusals, checker, count } = await readRows(source)
  const missing = await findMissing(db, checker)
  const missingIds = missing.map(({ userId }) => userId)
  if (deleteMissing && missing.length > 0) assertComplete(checker, missing, count)
  const accounts = await hashPlainPasswords(db, rows, options)

  const progress = options.showProgress('storing', accounts.length)
  try {
    const { decisions, deleted } = await store(db, accounts, {
      source: source.name,
      origin: options.origin,
      readAt,
      gone: deleteMissing ? missingIds : [],
      reservedId: reservedIds === 0 ? 0 : checker.highestId + reservedIds,
      isDryRun,
      onProgress: (decided) => {
        lost.throwIfAborted()
        progress.set(decided)
      },
    })
    for (const [{ place, username }, decision] of decisions) {
      if (decision.kind === 'refuse') refusals.push({ place, username, reason: decision.reason })
    }
    const seconds = (performance.now() - startedMs) / 1_000
    const isMissing = deleteMissing ? [] : missingIds
    return {
      source: source.name,
      isDryRun,
      count,
      decisions,
      refusals,
      deleted,
      missing: isMissing,
      seconds,
    }
  } finally {
    progress.stop()
  }
}

/** @returns the database's clock, which the timestamps of changes are compared with */
async function clockOf(db: Database): Promise<string> {
  const at = sql<string>`${now}`.mapWith(importedUsers.importedAt)
  const [row] = await db.select({ at }).from(sql`(SELECT 1) AS one`)
  if (!row) throw new Error('the database did not return its clock')
  return row.at
}

async function readRows(source: Source) {
  const checker = new RowChecker()
  const rows: CheckedRow[] = []
  const refusals: Refusal[] = []
  let count = 0
  for await (const row of source.rows()) {
    count++
    const checked = checker.check(row)
    if (checked.ok) rows.push(checked.row)
    else refusals.push(checked.refusal)
  }
  return { rows, refusals, checker, count }
}

/** @returns the accounts that were imported earlier and are gone from the source */
async function findMissing(db: Database, { ids, keys }: RowChecker): Promise<Missing[]> {
  const missing: Missing[] = []
  for await (const account of allImported(db)) {
    const isThere = account.keepsId ? ids.has(account.userId) : keys.has(account.usernameKey)
    if (!isThere) missing.push(account)
  }
  return missing
}

/** @throws Error unless the source certainly lacks the accounts that are to be deleted */
function assertComplete(
  { allIdentified, ids }: RowChecker,
  missing: Missing[],
  count: number,
): void {
  const refuse = (why: string) => {
    throw new Error(`${why}: --delete-missing would delete accounts that may still be in use.`)
  }
  if (count === 0) refuse('The source has no rows')
  if (!allIdentified) refuse('Some rows have no readable id or username')
  if (ids.size === 0 && missing.some(({ keepsId }) => keepsId)) {
    refuse('The source has no ids, but accounts were imported with ids')
  }
}
