import stringWidth from 'string-width'
import { visible } from './output.ts'

/** Between two columns. */
const GAP = '  '
const EMPTY = '-'
/** A longer cell moves the rest of its own line only. */
const MAX_PADDED_WIDTH = 60

export type Cell = string | number | null

/**
 * Aligns rows in columns, by the width of characters on a terminal. Columns become wider with later
 * rows and never narrower, so that a long list is printed page by page.
 */
export class Table {
  readonly #widths: number[] = []

  /** @returns a line for each row, without spaces at its end */
  format(rows: readonly (readonly Cell[])[]): string[] {
    const texts = rows.map((row) => row.map(textOf))
    for (const row of texts) {
      for (const [column, text] of row.entries()) {
        const width = Math.min(stringWidth(text), MAX_PADDED_WIDTH)
        this.#widths[column] = Math.max(this.#widths[column] ?? 0, width)
      }
    }
    return texts.map((row) =>
      row
        .map((text, column) => this.#pad(text, column))
        .join(GAP)
        .trimEnd(),
    )
  }

  #pad(text: string, column: number): string {
    const missing = (this.#widths[column] ?? 0) - stringWidth(text)
    return text + ' '.repeat(Math.max(missing, 0))
  }
}

function textOf(cell: Cell): string {
  return cell === null || cell === '' ? EMPTY : visible(String(cell))
}

/** @param at an ISO timestamp with milliseconds @returns it in seconds, which a list has space for */
export function shortTime(at: string | null): Cell {
  return at === null ? null : `${at.slice(0, 19)}Z`
}
