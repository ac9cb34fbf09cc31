/** A row as the source has it. No value is checked. */
export interface SourceRow {
  /** Where a person finds the row: `id 7` or `line 3`. */
  place: string
  /** Why the row cannot be used as a whole. */
  fault?: 'unreadable' | 'hash-and-password'
  /** Undefined if the source has no ids. */
  id?: unknown
  username?: unknown
  /** A hash, or a password in plain text. */
  password?: unknown
  /** Certainly a hash. */
  hash?: unknown
  role?: unknown
}

export interface Source {
  /** For the report, without a password. */
  name: string
  /** Reads all rows once. The iteration throws an error that says what is wrong with the source as a whole. */
  rows(): AsyncIterable<SourceRow>
}
