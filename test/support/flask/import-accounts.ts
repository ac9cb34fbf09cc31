import type { Database } from '../../../db/client.ts'
import { createPasswords } from '../../../plugins/passwords/passwords.ts'
import { importAccounts } from '../../../src/import/import.ts'
import type { ImportOptions } from '../../../src/import/options.ts'
import { summarize } from '../../../src/import/report.ts'
import { flaskDatabase } from '../../../src/import/sources/flask-database.ts'
import { TEST_COST } from '../http/build.ts'

const CONCURRENCY = 2
const nothing = () => undefined
const passwords = await createPasswords({
  cost: TEST_COST,
  minLength: 8,
  queue: { concurrency: CONCURRENCY, maxWaiting: 0 },
})

/** Imports a database of the Flask service. @returns the numbers of the report and the refusals */
export async function importFrom(
  db: Database,
  sourceUrl: string,
  options: Partial<ImportOptions> = {},
) {
  const report = await importAccounts(db, {
    source: flaskDatabase(sourceUrl, { table: 'user', password: undefined }),
    origin: {},
    passwords,
    hashConcurrency: CONCURRENCY,
    reservedIds: 1_000,
    deleteMissing: false,
    isDryRun: false,
    showProgress: () => ({ add: nothing, set: nothing, stop: nothing }),
    ...options,
  })
  const { seconds: _, source: __, ...numbers } = summarize(report)
  return { ...numbers, refusals: report.refusals }
}
