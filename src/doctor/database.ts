import { sql } from 'drizzle-orm'
import { type Database, firstNumber, firstText } from '../../db/client.ts'
import { isSchemaCurrent } from '../../db/migrate.ts'
import { importedUsers } from '../../db/schema.ts'
import { describeFailure } from '../process/failure.ts'
import { type Check, fail, ok, warn } from './check.ts'

/** Sessions expire by the database's clock. Logs have this machine's. */
const MAX_CLOCK_DIFFERENCE_MS = 2_000

/** Checks the database. If it cannot be reached, that is the only check. */
export async function checkDatabase(db: Database): Promise<Check[]> {
  try {
    const [rows] = await db.execute(sql`SELECT VERSION() AS version`)
    const checks = [ok('database', `answers, version ${firstText(rows)}`), await checkClock(db)]
    if (!(await isSchemaCurrent(db))) {
      return [...checks, fail('schema', 'is behind this version', 'Run `gatehouse migrate`')]
    }
    return [...checks, ok('schema', 'is up to date'), await countImported(db)]
  } catch (error) {
    const todo =
      'Check DATABASE_URL, and that the database runs and accepts connections from this machine'
    return [fail('database', describeFailure(error), todo)]
  }
}

async function checkClock(db: Database): Promise<Check> {
  const before = Date.now()
  const [rows] = await db.execute(
    sql`SELECT ROUND(UNIX_TIMESTAMP(CURRENT_TIMESTAMP(3)) * 1000) AS ms`,
  )
  const differenceMs = Math.round(firstNumber(rows) - (before + Date.now()) / 2)
  const text = `of the database is ${Math.abs(differenceMs)} ms ${differenceMs < 0 ? 'behind' : 'ahead of'} this machine's`
  return Math.abs(differenceMs) <= MAX_CLOCK_DIFFERENCE_MS
    ? ok('clock', text)
    : warn('clock', text, 'Let NTP set the clocks of both machines')
}

async function countImported(db: Database): Promise<Check> {
  const count = await db.$count(importedUsers)
  return ok('import', count === 0 ? 'nothing was imported' : `${count} accounts were imported`)
}
