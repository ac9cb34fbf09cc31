import { until } from '../../until.ts'

const ERROR = 50
const MS_PER_S = 1_000

/** The log of a server under test: its lines, and when each arrived. */
export class ServerLog {
  readonly #lines: { at: number; text: string }[] = []

  readonly add = (text: string): void => {
    this.#lines.push({ at: performance.now(), text })
  }

  get count(): number {
    return this.#lines.length
  }

  get text(): string {
    return this.#lines.map(({ text }) => text).join('\n')
  }

  /** Waits for a text. */
  contains(text: string): Promise<void> {
    return until(
      () => this.text.includes(text),
      () => `the log lacks ${text}:\n${this.text}`,
    )
  }

  /** The highest number of lines within any second. */
  get mostInOneSecond(): number {
    let first = 0
    let most = 0
    for (const [last, { at }] of this.#lines.entries()) {
      while ((this.#lines[first]?.at ?? at) < at - MS_PER_S) first++
      most = Math.max(most, last - first + 1)
    }
    return most
  }

  /** The messages of the lines at the level `error` or above, and of lines that are no JSON. */
  get errors(): string[] {
    return this.#lines.flatMap(({ text }) => {
      const { level, msg } = parse(text)
      return level === undefined || level >= ERROR ? [msg ?? text] : []
    })
  }
}

function parse(text: string): { level?: number; msg?: string } {
  try {
    return JSON.parse(text)
  } catch {
    return {}
  }
}
