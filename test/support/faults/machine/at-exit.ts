/*
 * What a process of the fault tests has started or mounted is undone when the process exits,
 * whatever ends it: the end of its tests, a failure, SIGINT or SIGTERM. So every step is synchronous.
 */
const undoings = new Set<() => void>()

process.on('exit', () => {
  for (const undo of [...undoings].reverse()) attempt(undo)
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => process.exit(1))
}

/** @returns undoes it now, unless that is done already */
export function undoAtExit(undo: () => void): () => void {
  const once = () => attempt(undo)
  undoings.add(once)
  return () => {
    if (undoings.delete(once)) once()
  }
}

/** One step that fails must not keep the others from running. */
function attempt(undo: () => void): void {
  try {
    undo()
  } catch (error) {
    console.error(error)
  }
}

/** Kills a process that may have exited. */
export function killNow(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // it has exited
  }
}
