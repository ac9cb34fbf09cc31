import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

/** The message on which a worker finishes its requests and exits. */
const STOP = 'stop'

const FIRST_BACK_OFF_MS = 100
const LONGEST_BACK_OFF_MS = 30_000
/** After this many failed starts in a row while no worker listens, another is unlikely to succeed. */
const MAX_FAILED_STARTS = 5
/** A worker that does not listen by then counts as failed. */
const START_LIMIT_MS = 30_000
/** A worker that is stopped exits earlier unless it hangs. */
const STOP_LIMIT_MS = 9_300
/** The time that `stop` takes at most. */
export const WORKERS_CLOSE_TIMEOUT_MS = 9_600

export interface WorkersOptions {
  count: number
  /** Added to the environment of this process. */
  environment: Record<string, string>
  /** Called when a worker exits that was not stopped. */
  onExit(exit: { pid: number | undefined; reason: string; backOffMs: number }): void
  /** Called once, when no worker listens and none can be started. */
  onFailure(failedStarts: number): void
}

/**
 * Workers, which run the same program. A worker that exits is restarted: after the first delay if
 * it has listened, at once if no other listens. The delay doubles with each worker in a row that
 * exits before it listens.
 */
export class Workers {
  readonly #options: WorkersOptions
  readonly #running = new Map<Worker, { exited: Promise<string> }>()
  readonly #listening = new Set<Worker>()
  /** Since a worker has listened last. */
  #failedStarts = 0
  #state: 'starting' | 'serving' | 'stopping' = 'starting'

  constructor(options: WorkersOptions) {
    this.#options = options
  }

  /** Those that serve. */
  get listening(): readonly Worker[] {
    return [...this.#listening]
  }

  /**
   * @returns once all workers listen
   * @throws Error if a worker exits before it listens; the others are stopped
   */
  async start(): Promise<void> {
    const starts = Array.from({ length: this.#options.count }, () => this.#fork())
    try {
      await Promise.all(starts.map(({ listens }) => listens))
      if (this.#state === 'starting') this.#state = 'serving'
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  /**
   * Stops all workers at the same time.
   *
   * @returns once all have exited
   * @throws Error if a worker had to be killed
   */
  async stop(): Promise<void> {
    this.#state = 'stopping'
    const exits = [...this.#running].map(([worker, { exited }]) => {
      // A worker that does not listen yet has no requests, and does not receive the message.
      if (!this.#listening.has(worker)) worker.process.kill('SIGKILL')
      else if (worker.isConnected()) worker.send(STOP, () => undefined)
      return exited
    })
    const late = sleep(STOP_LIMIT_MS, 'late', { ref: false })
    if ((await Promise.race([Promise.all(exits), late])) !== 'late') return
    const hanging = [...this.#running.keys()]
    for (const worker of hanging) worker.process.kill('SIGKILL')
    throw new Error(`${hanging.length} workers did not stop in time and were killed.`)
  }

  #fork() {
    const worker = cluster.fork(this.#options.environment)
    const exited = exitOf(worker)
    this.#running.set(worker, { exited })
    closeUnconfirmed(worker, exited)
    const limit = setTimeout(() => worker.process.kill('SIGKILL'), START_LIMIT_MS).unref()
    const listens = Promise.race([
      once(worker, 'listening').then(() => {
        clearTimeout(limit)
        this.#listening.add(worker)
        this.#failedStarts = 0
      }),
      exited.then((reason) => {
        clearTimeout(limit)
        throw new Error(`A worker exited before it listened: ${reason}`)
      }),
    ])
    listens.catch(() => undefined) // nothing awaits a restarted worker
    exited.then((reason) => this.#replace(worker, reason))
    return { listens }
  }

  async #replace(worker: Worker, reason: string): Promise<void> {
    this.#running.delete(worker)
    const hasListened = this.#listening.delete(worker)
    if (!hasListened) this.#failedStarts++
    // A first start that fails makes `start` fail.
    if (this.#isStopping() || (this.#state === 'starting' && !hasListened)) return
    const backOffMs = hasListened ? FIRST_BACK_OFF_MS : this.#growingBackOff()
    const waitMs = this.#listening.size === 0 ? 0 : backOffMs
    this.#options.onExit({ pid: worker.process.pid, reason, backOffMs: waitMs })
    if (this.#listening.size === 0 && this.#failedStarts >= MAX_FAILED_STARTS) {
      this.#state = 'stopping'
      this.#options.onFailure(this.#failedStarts)
      return
    }
    await sleep(waitMs)
    if (!this.#isStopping()) this.#fork()
  }

  #isStopping(): boolean {
    return this.#state === 'stopping'
  }

  #growingBackOff(): number {
    return Math.min(FIRST_BACK_OFF_MS * 2 ** (this.#failedStarts - 1), LONGEST_BACK_OFF_MS)
  }
}

/** @returns why the worker has exited, or could not be started */
function exitOf(worker: Worker): Promise<string> {
  return new Promise((resolve) => {
    worker.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`))
    worker.on('error', (error) => {
      if (worker.process.pid === undefined) resolve(error.message)
    })
  })
}

/**
 * Closes the connection that a worker was given and has not confirmed, once it has exited. Node would
 * keep it open for ever. A worker is given one connection at a time.
 */
function closeUnconfirmed({ process: child }: Worker, exited: Promise<unknown>): void {
  let given: unknown
  const { send } = child
  child.send = (...parts: [message: unknown, handle?: unknown]) => {
    given = parts[1] ?? given
    return Reflect.apply(send, child, parts)
  }
  exited.then(() => {
    // A handle of Node's own, which ignores a second close.
    if (isClosable(given)) given.close()
  })
}

function isClosable(handle: unknown): handle is { close(): void } {
  return typeof handle === 'object' && handle !== null && 'close' in handle
}

/** In a worker: calls `stop` when the primary says so. If the primary dies, Node ends the worker. */
export function obeyPrimary(stop: () => void): void {
  process.on('message', (message) => {
    if (message === STOP) stop()
  })
}
