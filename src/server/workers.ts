import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

/** Tells a worker to answer what it has begun, and to end. */
const STOP = 'stop'

/** They reach every process of a terminal or a service; the primary says what they mean. */
export const SIGNALS_OF_THE_PRIMARY = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const

const FIRST_BACK_OFF_MS = 500
const LONGEST_BACK_OFF_MS = 30_000
/** A worker that has lived for so long is replaced as if none had died before. */
const SOUND_AFTER_MS = 60_000
/** Over which the workers are told to stop, one after the other. */
const ROLLING_STOP_MS = 4_000

export interface WorkersOptions {
  count: number
  /** What a worker's environment has besides that of this process. */
  environment: Record<string, string>
  onDeath(death: { pid: number | undefined; reason: string; backOffMs: number }): void
}

/**
 * Runs so many workers, each of them this program anew. One that dies is replaced, the later the
 * sooner it died again.
 *
 * @returns once all listen: what stops them, in turn, so that there is one to take connections as
 * long as possible, and resolves when all have ended
 * @throws Error if one ends before it listens for the first time; the others are stopped
 */
export async function startWorkers({ count, environment, onDeath }: WorkersOptions) {
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
      const wasSound = Date.now() - startedAt > SOUND_AFTER_MS
      const waitMs = wasSound ? FIRST_BACK_OFF_MS : backOffMs
      onDeath({ pid: worker.process.pid, reason, backOffMs: waitMs })
      await sleep(waitMs)
      if (!isStopping) start(Math.min(waitMs * 2, LONGEST_BACK_OFF_MS))
    })
    const failed = ended.then((reason) => {
      throw new Error(`A worker ended before it served: ${reason}`)
    })
    const served = Promise.race([once(worker, 'listening'), failed])
    served.then(
      () => listening.add(worker),
      () => undefined, // nobody waits for those that replace another
    )
    return { served }
  }

  async function stop(): Promise<void> {
    isStopping = true
    const all = [...workers]
    for (const [worker, { ended }] of all) {
      // One that doesn't listen yet has begun nothing, and would miss the message.
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

/** In a worker: leaves it to the primary when to end. If that dies, Node ends the worker. */
export function obeyPrimary(stop: () => void): void {
  for (const signal of SIGNALS_OF_THE_PRIMARY) process.on(signal, () => undefined)
  process.on('message', (message) => {
    if (message === STOP) stop()
  })
}
