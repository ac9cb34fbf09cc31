/** Lists everything that is wrong with the configuration, one problem a line. */
export class ConfigError extends Error {
  /** The lines that name a setting. */
  readonly problems: readonly string[]

  constructor(message: string, problems: readonly string[] = [message]) {
    super(message)
    this.problems = problems.map((problem) => problem.trim())
  }
}
