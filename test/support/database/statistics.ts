import { query } from './query.ts'

/** Returns a row per table, in the same columns on MariaDB and MySQL. */
export const EXPLAIN = 'EXPLAIN FORMAT=TRADITIONAL'
/** About as many rows as fit into a page of 16 KB. */
const ROWS_PER_PAGE = 50

/** Stops the server from counting rows in the background. */
export async function freezeStatistics(url: string): Promise<void> {
  for (const table of await tablesOf(url)) {
    await query(url, `ALTER TABLE ${table} STATS_PERSISTENT = 1, STATS_AUTO_RECALC = 0`)
  }
}

/**
 * Makes the server plan as if each table had this number of rows, all with different values. The
 * user of the URL needs write access to the database `mysql`.
 *
 * @throws Error if the server does not plan with that number
 */
export async function setStatistics(url: string, rows: number): Promise<void> {
  const tables = await tablesOf(url)
  const pages = Math.max(1, Math.ceil(rows / ROWS_PER_PAGE))
  const database = `database_name = '${new URL(url).pathname.slice(1)}'`
  for (const statement of [
    `UPDATE mysql.innodb_table_stats SET n_rows = ${rows}, clustered_index_size = ${pages},
       sum_of_other_index_sizes = ${pages} WHERE ${database}`,
    `UPDATE mysql.innodb_index_stats SET stat_value = ${rows}
       WHERE ${database} AND stat_name LIKE 'n_diff%'`,
    `UPDATE mysql.innodb_index_stats SET stat_value = ${pages}
       WHERE ${database} AND stat_name NOT LIKE 'n_diff%'`,
    // MariaDB reads the statistics again after RENAME only, since 10.11.12; MySQL after FLUSH too.
    `RENAME TABLE ${tables.map((table) => `${table} TO other_${table}`)}`,
    `RENAME TABLE ${tables.map((table) => `other_${table} TO ${table}`)}`,
  ]) {
    await query(url, statement)
  }
  for (const table of tables) {
    const [step] = await query(url, `${EXPLAIN} SELECT * FROM ${table} IGNORE INDEX (PRIMARY)`)
    // InnoDB reports an empty table as one row.
    if (Number(step?.rows) !== Math.max(1, rows)) {
      throw new Error(`${table} is planned with ${step?.rows} rows, not with ${rows}`)
    }
  }
}

async function tablesOf(url: string): Promise<string[]> {
  const rows = await query(
    url,
    `SHOW TABLES WHERE Tables_in_${new URL(url).pathname.slice(1)} NOT LIKE '\\_\\_%'`,
  )
  return rows.map((row) => String(Object.values(row)[0]))
}
