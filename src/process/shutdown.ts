import { setTimeout as sleep } from 'node:timers/promises'
import { describeFailure } from './failure.ts'

const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const
const EXIT_FAILED = 1
const CLOSE_TIMEOUT_MS = 10_000
/**
 * On Ctrl-C the terminal and npm each send a signal, within milliseconds. A signal that comes later
 * than this is from a user who does not want to wait: it ends the process at once.
 */
const INSIST_AFTER_MS = 1_000

interface ShutdownOptions {
  /** Called once, when a signal ends the process. */
  announce?: () => void
  /** The exit code after a signal, or `ignore` for a process that another process stops. */
  onSignal: number | 'ignore'
}

/**
 * Closes what a process has opened, last opened first, whatever ends the process: a signal, an
 * uncaught error, or the end of its work. Only SIGKILL and a user who insists leave things open.
 */
export class Shutdown {
  #state: 'running' | 'closing' | 'exiting' = 'running'
  #firstSignalAt: number | undefined
  readonly #closers: (() => Promise<unknown>)[] = []
  readonly #onSignal: ShutdownOptions['onSignal']
  readonly #announce: () => void

  constructor({ onSignal, announce = () => undefined }: ShutdownOptions) {
    this.#onSignal = onSignal
    this.#announce = announce
    for (const signal of SIGNALS) process.on(signal, this.#handleSignal)
    process.on('uncaughtException', this.fail)
  }

  /**
   * Awaits `opening`, and registers `close` for its result. When the process ends before `opening`
   * has resolved, the result is closed as soon as it exists, and `open` never resolves.
   *
   * @param timeoutMs the limit for `opening` and `close` once the process ends
   */
  async open<T>(
    opening: Promise<T>,
    close: (opened: T) => Promise<unknown>,
    timeoutMs = CLOSE_TIMEOUT_MS,
  ): Promise<T> {
    this.onClose(() => opening.then(close, () => undefined), timeoutMs)
    const opened = await opening
    return this.#state === 'running' ? opened : await never()
  }

  /** Registers what to call when the process ends. */
  onClose(close: () => Promise<unknown>, timeoutMs = CLOSE_TIMEOUT_MS): void {
    this.#closers.push(async () => {
      const late = sleep(timeoutMs, 'late', { ref: false })
      if ((await Promise.race([close(), late])) !== 'late') return
      throw new Error(`Closing took longer than ${timeoutMs / 1_000} s.`)
    })
  }

  /** Closes everything and exits: with 1 if something fails to close. */
  async exit(code: number): Promise<void> {
    if (this.#state !== 'running') return
    this.#state = 'exiting'
    process.exit((await this.#closeAll()) ? code : EXIT_FAILED)
  }

  /** Reports an error and exits with 1. Errors during the shutdown are its consequences. */
  readonly fail = (error: unknown): void => {
    if (this.#state !== 'running') return
    console.error(describeFailure(error))
    this.exit(EXIT_FAILED)
  }

  /** Closes everything at the end of the work. Never resolves if the process exits already. */
  async close(): Promise<void> {
    if (this.#state !== 'running') return await never()
    this.#state = 'closing'
    if (!(await this.#closeAll())) process.exitCode = EXIT_FAILED
    for (const signal of SIGNALS) process.off(signal, this.#handleSignal)
    process.off('uncaughtException', this.fail)
  }

  async #closeAll(): Promise<boolean> {
    let isComplete = true
    for (let close = this.#closers.pop(); close; close = this.#closers.pop()) {
      try {
        await close()
      } catch (error) {
        console.error(describeFailure(error))
        isComplete = false
      }
    }
    return isComplete
  }

  readonly #handleSignal = (): void => {
    if (this.#onSignal === 'ignore') return
    this.#firstSignalAt ??= performance.now()
    if (performance.now() - this.#firstSignalAt > INSIST_AFTER_MS) process.exit(EXIT_FAILED)
    if (this.#state === 'running') this.#announce()
    this.exit(this.#onSignal)
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined)
}
