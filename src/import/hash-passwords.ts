import type { Database } from '../../db/client.ts'
import type { SourceAccount } from '../../db/queries/imports/decide.ts'
import { findImported } from '../../db/queries/imports/find.ts'
import type { CheckedRow } from './check-row.ts'
import type { ImportOptions } from './options.ts'

/** A row with a hash, and where it stands in the source. */
export interface HashedRow extends SourceAccount {
  place: string
  /** What the source has. */
  scheme: CheckedRow['password']['kind']
}

type PlainRow = CheckedRow & { password: { kind: 'plain' } }

const BATCH_ROWS = 1_000

/**
 * Hashes the passwords that the source has in plain text. A password that has not changed since the
 * latest import keeps its hash.
 *
 * @returns all rows, each with a hash; in a dry run, new passwords get no hash
 */
export async function hashPlainPasswords(
  db: Database,
  rows: readonly CheckedRow[],
  { passwords, hashConcurrency, isDryRun, showProgress }: ImportOptions,
): Promise<HashedRow[]> {
  const hashes = new Map<CheckedRow, string>()
  const plain = rows.filter((row): row is PlainRow => row.password.kind === 'plain')
  const progress = showProgress('hashing', plain.length)
  try {
    for (let start = 0; start < plain.length; start += BATCH_ROWS) {
      const batch = plain.slice(start, start + BATCH_ROWS)
      const imported = await findImported(db, batch)
      await forEach(batch, hashConcurrency, async (row) => {
        const { text } = row.password
        const earlier = imported.get(row)?.passwordHash
        const isSame = earlier !== undefined && (await passwords.verify(text, earlier)).ok
        if (isSame) hashes.set(row, earlier)
        else if (!isDryRun) hashes.set(row, await passwords.hashImported(text))
        progress.add(1)
      })
    }
  } finally {
    progress.stop()
  }
  return rows.map((row) => {
    const { password, ...account } = row
    const passwordHash = password.kind === 'plain' ? (hashes.get(row) ?? '') : password.hash
    return { ...account, scheme: password.kind, passwordHash }
  })
}

/**
 * Runs work for each item, for some of them at the same time. After a failure no further work starts.
 *
 * @throws what `work` throws
 */
async function forEach<Item>(
  items: readonly Item[],
  concurrency: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const remaining = [...items].reverse() // shared: each worker takes the next item
  const worker = async () => {
    for (let item = remaining.pop(); item !== undefined; item = remaining.pop()) await work(item)
  }
  try {
    await Promise.all(Array.from({ length: concurrency }, worker))
  } finally {
    remaining.length = 0
  }
}
