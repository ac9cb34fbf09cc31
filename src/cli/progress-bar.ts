import { SingleBar } from 'cli-progress'

export type ProgressBar = ReturnType<typeof showProgressBar>

/**
 * Shows a progress bar on standard error if that is a terminal.
 *
 * @param unit what is counted, in the plural
 */
export function showProgressBar(total: number, unit = 'rows') {
  if (!process.stderr.isTTY || total === 0) return { add: () => undefined, stop: () => undefined }
  const bar = new SingleBar({
    format: `{bar} {percentage} % of {total} ${unit}, {eta} s left`,
    stream: process.stderr,
  })
  bar.start(total, 0)
  return { add: (rows: number) => bar.increment(rows), stop: () => bar.stop() }
}
