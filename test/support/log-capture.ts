const ERROR_LEVEL = 50

export type LogLine = Record<string, unknown> & { level: number; msg?: string }

/** Collects the log lines instead of standard output. */
export class LogCapture {
  text = ''

  write(line: string): void {
    this.text += line
  }

  get lines(): LogLine[] {
    return this.text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as LogLine) // each is an object: a test asserts it
  }

  get errors(): LogLine[] {
    return this.lines.filter(({ level }) => level >= ERROR_LEVEL)
  }
}
