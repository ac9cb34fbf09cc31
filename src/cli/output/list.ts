import { print, toJson } from './output.ts'
import { type Cell, Table } from './table.ts'

/** How many rows one query reads. */
const PAGE_ROWS = 500

export interface Layout<Row> {
  headings: readonly string[]
  toCells(row: Row): readonly Cell[]
  /** The object that `--json` prints. */
  toItem(row: Row): unknown
}

type Pages<Row> = Iterable<Row[]> | AsyncIterable<Row[]>

/**
 * Reads a list page by page.
 *
 * @param find returns at most `limit` rows after the position; undefined is the beginning
 * @param most how many rows to read in all
 */
export async function* pagesOf<Row, Position>(
  find: (position: Position | undefined, limit: number) => Promise<Row[]>,
  positionOf: (row: Row) => Position,
  most = Number.POSITIVE_INFINITY,
): AsyncGenerator<Row[]> {
  let position: Position | undefined
  for (let left = most; left > 0; ) {
    const limit = Math.min(left, PAGE_ROWS)
    const rows = await find(position, limit)
    yield rows
    const last = rows.at(-1)
    if (last === undefined || rows.length < limit) return
    position = positionOf(last)
    left -= rows.length
  }
}

/** Prints a list: as a table, or as an array of JSON with one object a line. */
export async function printList<Row>(
  pages: Pages<Row>,
  layout: Layout<Row>,
  { json }: { json?: true | undefined },
): Promise<void> {
  if (json) await printArray(pages, layout)
  else await printTable(pages, layout)
}

async function printTable<Row>(pages: Pages<Row>, layout: Layout<Row>): Promise<void> {
  const table = new Table()
  let headings = [layout.headings]
  for await (const rows of pages) {
    await print(...table.format([...headings, ...rows.map(layout.toCells)]))
    headings = []
  }
}

async function printArray<Row>(pages: Pages<Row>, layout: Layout<Row>): Promise<void> {
  // A comma belongs to the line before it, so each line waits for the next one.
  let waiting: string | undefined
  await print('[')
  for await (const rows of pages) {
    const lines: string[] = []
    for (const row of rows) {
      if (waiting !== undefined) lines.push(`${waiting},`)
      waiting = toJson(layout.toItem(row))
    }
    await print(...lines)
  }
  await print(...(waiting === undefined ? [] : [waiting]), ']')
}
