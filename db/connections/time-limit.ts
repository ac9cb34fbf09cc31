import { performance } from 'node:perf_hooks'

/**
 * The time that the database may take for one request: for all its operations together, each from
 * waiting for a connection to the end of its last query. Time between operations doesn't count, so
 * a password can be hashed there.
 */
export class TimeLimit {
  #leftMs: number

  /** @param limitMs `Infinity` for no limit */
  constructor(limitMs: number) {
    this.#leftMs = limitMs
  }

  get isOver(): boolean {
    return this.#leftMs === 0
  }

  /**
   * Starts the clock of an operation.
   *
   * @param onExpiry called when the time has passed
   * @returns a function that stops the clock
   */
  start(onExpiry: () => void): () => void {
    if (this.#leftMs === Number.POSITIVE_INFINITY) return () => undefined
    const startedAt = performance.now()
    const timer = setTimeout(onExpiry, this.#leftMs)
    return () => {
      clearTimeout(timer)
      this.#leftMs = Math.max(0, this.#leftMs - (performance.now() - startedAt))
    }
  }
}
