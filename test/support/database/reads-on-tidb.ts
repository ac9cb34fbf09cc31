import type { Connection, RowDataPacket } from 'mysql2/promise'

export interface Reads {
  /** How many rows and entries of indexes the statement read. */
  rows: number
  /** The operators that read, each with its table and index. */
  plan: string[]
  /** The tables that were read from one end to the other. */
  scanned: string[]
}

/** Runs a statement on TiDB and rolls it back. */
export async function readsOnTidb(connection: Connection, statement: string): Promise<Reads> {
  await connection.query('START TRANSACTION')
  const [steps] = await connection.query<RowDataPacket[]>(`EXPLAIN ANALYZE ${statement}`)
  await connection.query('ROLLBACK')
  // A scan that keeps the order of a page ends with it, but TiDB reads ahead, as far as it has time:
  // entries of the index, and the rows that they name.
  const keepsOrder = (info: unknown) => /order:true/.test(String(info))
  const isPage =
    /limit/i.test(statement) && steps.some(({ 'operator info': info }) => keepsOrder(info))
  const readsAhead = (id: string, info: unknown) =>
    isPage && (keepsOrder(info) || id.includes('TableRowIDScan'))
  const reads = steps
    .filter(({ id, 'operator info': info }) => /Scan|Point_Get/.test(id) && !readsAhead(id, info))
    .map(({ id, actRows, 'access object': object }) => {
      return { operator: String(id).replace(/^\W+/, ''), rows: Number(actRows), object }
    })
  return {
    rows: reads.reduce((sum, { rows }) => sum + rows, 0),
    plan: reads.map(({ operator, object }) => `${operator} of ${object}`),
    scanned: reads
      .filter(({ operator }) => operator.includes('FullScan'))
      .map(({ object }) => /table:(\w+)/.exec(object)?.[1] ?? ''),
  }
}
