import { SingleBar } from 'cli-progress'

export interface ProgressBar {
  add(items: number): void
  /** @param done how many items are done in all */
  set(done: number): void
  stop(): void
}

const NOTHING: ProgressBar = { add: () => undefined, set: () => undefined, stop: () => undefined }

/**
 * Shows a progress bar on standard error if that is a terminal.
 *
 * @param unit what is counted, in the plural
 */
export function showProgressBar(total: number, unit = 'rows'): ProgressBar {
  if (!process.stderr.isTTY || total === 0) return NOTHING
  const bar = new SingleBar({
    format: `{bar} {percentage} % of {total} ${unit}, {eta_formatted} left`,
    stream: process.stderr,
  })
  bar.start(total, 0)
  return {
    add: (items) => bar.increment(items),
    set: (done) => bar.update(done),
    stop: () => bar.stop(),
  }
}
