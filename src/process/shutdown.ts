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

/** What was opened, to be closed when the process ends. */
interface Closing {
  /** As the log calls it. */
  name: string
  /** The limit for opening and closing it once the process ends. */
  timeoutMs?: number
}

export interface ShutdownReport {
  exitCode: number
  /** In order. */
  closed: string[]
  /** What failed to close, or was left open because a user insisted. */
  notClosed: string[]
  /** Since the signal or the failure. */
  durationMs: number
}

interface ShutdownOptions {
  /** Called once, when a signal ends the process. */
  announce?: (signal: NodeJS.Signals) => void
  /** Called last, when a signal or a failure ends the process. */
  report?: (report: ShutdownReport) => void
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
  #endsSince = 0
  /** `close` returns whether there was something to close. */
  readonly #closers: { name: string; close(): Promise<boolean> }[] = []
  readonly #closed: string[] = []
  readonly #notClosed: string[] = []
  readonly #options: ShutdownOptions

  constructor(options: ShutdownOptions) {
    this.#options = options
    for (const signal of SIGNALS) process.on(signal, this.#handleSignal)
    process.on('uncaughtException', this.fail)
  }

  /**
   * Awaits `opening`, and registers `close` for its result. When the process ends before `opening`
   * has resolved, the result is closed as soon as it exists, and `open` never resolves.
   *
   * @param close returns undefined if there is nothing to close
   */
  async open<T>(
    opening: Promise<T>,
    close: (opened: T) => Promise<unknown> | undefined,
    closing: Closing,
  ): Promise<T> {
    this.#register(closing, async () => {
      const opened = await opening.then(
        (value) => ({ value }),
        () => undefined,
      )
      const closed = opened && close(opened.value)
      await closed
      return closed !== undefined
    })
    const opened = await opening
    return this.#state === 'running' ? opened : await never()
  }

  /** Registers what to call when the process ends. */
  onClose(close: () => Promise<unknown>, closing: Closing): void {
    this.#register(closing, () => close().then(() => true))
  }

  #register({ name, timeoutMs = CLOSE_TIMEOUT_MS }: Closing, close: () => Promise<boolean>): void {
    this.#closers.push({
      name,
      async close() {
        const late = sleep(timeoutMs, 'late' as const, { ref: false })
        const result = await Promise.race([close(), late])
        if (result !== 'late') return result
        throw new Error(`Closing took longer than ${timeoutMs / 1_000} s.`)
      },
    })
  }

  /** Whether nothing has ended the process yet. */
  get isRunning(): boolean {
    return this.#state === 'running'
  }

  /** Closes everything and exits: with 1 if something fails to close. */
  async exit(code: number): Promise<void> {
    if (this.#state !== 'running') return
    this.#state = 'exiting'
    this.#endsSince = performance.now()
    this.#exitNow((await this.#closeAll()) ? code : EXIT_FAILED)
  }

  #exitNow(exitCode: number): never {
    this.#options.report?.({
      exitCode,
      closed: this.#closed,
      notClosed: this.#notClosed,
      durationMs: Math.round(performance.now() - this.#endsSince),
    })
    process.exit(exitCode)
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
    for (let next = this.#closers.at(-1); next; next = this.#closers.at(-1)) {
      try {
        if (await next.close()) this.#closed.push(next.name)
      } catch (error) {
        console.error(describeFailure(error))
        this.#notClosed.push(next.name)
      }
      this.#closers.splice(this.#closers.indexOf(next), 1)
    }
    return this.#notClosed.length === 0
  }

  readonly #handleSignal = (signal: NodeJS.Signals): void => {
    const { onSignal, announce } = this.#options
    if (onSignal === 'ignore') return
    this.#firstSignalAt ??= performance.now()
    if (performance.now() - this.#firstSignalAt > INSIST_AFTER_MS) this.#giveUp()
    if (this.#state === 'running') announce?.(signal)
    this.exit(onSignal)
  }

  #giveUp(): never {
    this.#notClosed.push(...this.#closers.map(({ name }) => name).reverse())
    this.#exitNow(EXIT_FAILED)
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined)
}
