import type { Origin } from '../../db/queries/events.ts'
import type { Passwords } from '../../plugins/passwords/passwords.ts'
import type { Source } from './sources/source.ts'

export interface ImportOptions {
  source: Source
  /** Who imports, for the events. */
  origin: Origin
  passwords: Passwords
  /** How many passwords are hashed at the same time. */
  hashConcurrency: number
  /** How far above the highest id of the source the ids of new accounts begin. */
  reservedIds: number
  /** Deletes accounts that were imported and are gone from the source. */
  deleteMissing: boolean
  isDryRun: boolean
  /** Shows the progress of a phase, whose length is in rows. */
  showProgress(phase: 'hashing' | 'storing', total: number): Progress
}

export interface Progress {
  add(rows: number): void
  /** @param done how many rows are done in all */
  set(done: number): void
  stop(): void
}
