import type { Row } from './report.ts'
import type { Scene } from './scene.ts'

/** The standard: how many attempts to connect an instance makes in a second. */
const ATTEMPTS_PER_S = 2
/** The connections that are lost when the fault begins are missed at once, by both pools. */
const FIRST_ATTEMPTS = 4
/** A fault shows in several ways at first, each on a line of its own. */
const FIRST_LINES = 5

/** Counts attempts to connect, and lines of the log, while a fault lasts. */
export class Rates {
  readonly #scene: Scene
  readonly #startedAt = performance.now()
  readonly #attempts: number
  readonly #lines: number
  #found: { seconds: number; attempts: number; lines: number } | undefined

  constructor(scene: Scene) {
    this.#scene = scene
    this.#attempts = scene.link.attempts
    this.#lines = scene.server.log.count
  }

  /** At the end of the fault. */
  stop(): void {
    this.#found = {
      seconds: (performance.now() - this.#startedAt) / 1_000,
      attempts: this.#scene.link.attempts - this.#attempts,
      lines: this.#scene.server.log.count - this.#lines,
    }
  }

  addTo(row: Row): void {
    const { seconds = 0, attempts = 0, lines = 0 } = this.#found ?? {}
    row.notes.push(`${attempts} attempts and ${lines} log lines in ${Math.round(seconds)} s`)
    if (attempts > ATTEMPTS_PER_S * seconds + FIRST_ATTEMPTS) {
      row.problems.push(`more than ${ATTEMPTS_PER_S} attempts to connect a second`)
    }
    if (lines > seconds + FIRST_LINES) row.problems.push('more than one log line a second')
  }
}

/** Checks that no read since then was refused, apart from the first ones. */
export function expectReads(row: Row, { observer }: Scene, since: number): void {
  const refused = observer.seen('read', since).filter(({ status }) => status !== 200)
  if (refused.length > 0) row.problems.push(`${refused.length} reads are refused`)
}
