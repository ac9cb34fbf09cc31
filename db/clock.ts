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

/** @param text a timestamp of the database, such as `2026-11-23 00:40:58.898` */
export function toIsoTimestamp(text: string): string {
  return `${text.slice(0, 10)}T${text.slice(11)}Z`
}
