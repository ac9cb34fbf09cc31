import type { FastifyBaseLogger } from 'fastify'

type Bindings = Parameters<FastifyBaseLogger['child']>[0]
type Options = Parameters<FastifyBaseLogger['child']>[1]
type Line = [content: unknown, message?: string, ...values: unknown[]]

/**
 * The logger of one request. Most requests write no line, so the child logger with the request's id
 * is made for the first line, as are its own children. A child of a logger that has written nothing
 * takes over its bindings, so that one logger is made for both.
 */
export class RequestLogger implements FastifyBaseLogger {
  readonly #parent: FastifyBaseLogger
  readonly #bindings: Bindings
  readonly #options: Options
  #made: FastifyBaseLogger | undefined

  constructor(parent: FastifyBaseLogger, bindings: Bindings, options: Options) {
    this.#parent = parent
    this.#bindings = bindings
    this.#options = options
  }

  get #logger(): FastifyBaseLogger {
    if (!this.#made) {
      const parent = this.#parent instanceof RequestLogger ? this.#parent.#logger : this.#parent
      this.#made = parent.child(this.#bindings, this.#options)
    }
    return this.#made
  }

  get level(): string {
    return this.#logger.level
  }

  set level(level: string) {
    this.#logger.level = level
  }

  child(bindings: Bindings, options?: Options): FastifyBaseLogger {
    // `formatters` may rewrite the bindings of this logger, but not those of its children.
    if (!this.#made && options === undefined && this.#options?.formatters === undefined) {
      const both = { ...this.#bindings, ...bindings }
      return new RequestLogger(this.#parent, both, this.#options)
    }
    return new RequestLogger(this, bindings, options)
  }

  fatal(...line: Line): void {
    this.#logger.fatal(...line)
  }

  error(...line: Line): void {
    this.#logger.error(...line)
  }

  warn(...line: Line): void {
    this.#logger.warn(...line)
  }

  info(...line: Line): void {
    this.#logger.info(...line)
  }

  debug(...line: Line): void {
    this.#logger.debug(...line)
  }

  trace(...line: Line): void {
    this.#logger.trace(...line)
  }

  silent(): void {}
}
