import cluster from 'node:cluster'

/** The message of a worker that cannot write its lines. The primary writes to the same output. */
const LOG_LOST = 'log-lost'

/**
 * Calls `stop` when a line of the log cannot be written, such as after the program that reads it has
 * exited. A worker continues until the primary stops it, so that all of them stop in order.
 *
 * @param stop called in the primary, at each line that is lost
 */
export function watchLog(stop: (error: Error) => void): void {
  process.stdout.on('error', (error) => {
    const reason = reasonOf(error)
    if (cluster.isPrimary) stop(new Error(reason))
    // If the primary is gone, this process ends, too.
    else process.send?.({ type: LOG_LOST, reason }, undefined, {}, () => undefined)
  })
  if (cluster.isPrimary) {
    cluster.on('message', (_worker, message: unknown) => {
      if (isLogLost(message)) stop(new Error(message.reason))
    })
  }
}

function reasonOf(error: NodeJS.ErrnoException): string {
  const reason =
    error.code === 'EPIPE'
      ? 'the program that reads standard output has exited'
      : `writing to standard output failed: ${error.message}`
  return `The log is lost, so the server stops: ${reason}.`
}

/** Workers run this same program, so the form of what they send is known. */
function isLogLost(message: unknown): message is { reason: string } {
  return (
    typeof message === 'object' &&
    message !== null &&
    'type' in message &&
    message.type === LOG_LOST
  )
}
