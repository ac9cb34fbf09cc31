import { sql } from 'drizzle-orm'

/** The database's clock, in UTC with milliseconds. All instances share it. */
export const now = sql`CURRENT_TIMESTAMP(3)`

/** @param ms before now */
export function ago(ms: number) {
  return sql`${now} - INTERVAL ${ms * 1_000} MICROSECOND`
}

/** @param ms from now */
export function ahead(ms: number) {
  return sql`${now} + INTERVAL ${ms * 1_000} MICROSECOND`
}
