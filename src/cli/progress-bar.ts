import { SingleBar } from 'cli-progress'

export type ProgressBar = ReturnType<typeof showProgressBar>

/** Shows a progress bar on standard error if that is a terminal. */
export function showProgressBar(total: number) {
  if (!process.stderr.isTTY) return { add: () => undefined, stop: () => undefined }
  const bar = new SingleBar({
    format: '{bar} {percentage} % of {total} rows, {eta} s left',
    stream: process.stderr,
  })
  bar.start(total, 0)
  return { add: (rows: number) => bar.increment(rows), stop: () => bar.stop() }
}
