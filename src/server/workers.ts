import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

/** The message on which a worker finishes its requests and exits. */
const STOP = 'stop'

const FIRST_BACK_OFF_MS = 500
const LONGEST_BACK_OFF_MS = 30_000
/** After this time without a crash, the delay before a restart is the first one again. */
const STABLE_AFTER_MS = 60_000
/** The workers are stopped one after the other, over this time at most. */
const ROLLING_STOP_MS = 4_000

export interface WorkersOptions {
  count: number
  /** Added to the environment of this process. */
  environment: Record<string, string>
  /** Called when a worker exits that was not stopped. */
  onExit(exit: { pid: number | undefined; reason: string; backOffMs: number }): void
}

/**
 * Starts workers, which run the same program. A worker that exits is restarted. The delay grows
 * with each crash in quick succession.
 *
 * @returns once all workers listen. `stop` stops them one after the other, so that the others
 * accept connections meanwhile, and resolves when all have exited
 * @throws Error if a worker exits before it listens for the first time; the others are stopped
 */
export async function startWorkers({ count, environment, onExit }: WorkersOptions) {
  const workers = new Map<Worker, { ended: Promise<string> }>()
  const listening = new WeakSet<Worker>()
  let isStopping = false

  function start(backOffMs = FIRST_BACK_OFF_MS): { served: Promise<unknown> } {
    const worker = cluster.fork(environment)
    const startedAt = Date.now()
    const ended = once(worker, 'exit').then(([code, signal]) => signal ?? `exit code ${code}`)
    workers.set(worker, { ended })
    ended.then(async (reason) => {
      workers.delete(worker)
      if (isStopping) return
      const wasStable = Date.now() - startedAt > STABLE_AFTER_MS
      const waitMs = wasStable ? FIRST_BACK_OFF_MS : backOffMs
      onExit({ pid: worker.process.pid, reason, backOffMs: waitMs })
      await sleep(waitMs)
      if (!isStopping) start(Math.min(waitMs * 2, LONGEST_BACK_OFF_MS))
    })
    const failed = ended.then((reason) => {
      throw new Error(`A worker exited before it listened: ${reason}`)
    })
    const served = Promise.race([once(worker, 'listening'), failed])
    served.then(
      () => listening.add(worker),
      () => undefined, // for a restarted worker, nothing awaits `served`
    )
    return { served }
  }

  async function stop(): Promise<void> {
    isStopping = true
    const all = [...workers]
    for (const [worker, { ended }] of all) {
      // A worker that does not listen yet has no requests, and does not receive the message.
      if (!listening.has(worker)) worker.process.kill('SIGKILL')
      else if (worker.isConnected()) worker.send(STOP, () => undefined)
      await Promise.race([ended, sleep(ROLLING_STOP_MS / all.length)])
    }
    await Promise.all(all.map(([, { ended }]) => ended))
  }

  try {
    await Promise.all(Array.from({ length: count }, () => start().served))
    return { stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** In a worker: calls `stop` when the primary says so. If the primary dies, Node ends the worker. */
export function obeyPrimary(stop: () => void): void {
  process.on('message', (message) => {
    if (message === STOP) stop()
  })
}
