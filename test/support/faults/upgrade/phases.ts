import { type Answer, Observer } from '../clients/observer.ts'

const LIMIT_MS = 8_000

interface Phase {
  name: string
  sent: number
  statuses: Map<string, number>
  slowestMs: number
  /** The rounds of clients that ended in this phase. */
  rounds: number
  problems: string[]
}

/** What the clients see in each phase of an upgrade. */
export class Phases {
  /** Sees all answers. What an instance in its start takes of a small machine is no subject here. */
  readonly observer = new Observer(LIMIT_MS)
  readonly #phases: Phase[] = []

  begin(name: string): void {
    this.#phases.push({
      ...{ name, sent: 0, statuses: new Map(), slowestMs: 0, rounds: 0, problems: [] },
    })
  }

  /** @param call the method and the path */
  count(call: string, answer: Answer): void {
    const { status, failure, ms } = answer
    this.observer.see('other', call, answer, failure === 'ECONNREFUSED')
    const phase = this.#current
    const name = status === 0 ? (failure ?? 'no answer') : String(status)
    phase.sent++
    phase.statuses.set(name, (phase.statuses.get(name) ?? 0) + 1)
    phase.slowestMs = Math.max(phase.slowestMs, ms)
  }

  countRound(): void {
    this.#current.rounds++
  }

  complain(problem: string): void {
    this.#current.problems.push(problem)
  }

  /** Of the current phase. */
  get rounds(): number {
    return this.#current.rounds
  }

  /** Each kind once, with the phase. */
  get problems(): string[] {
    const all = this.#phases.flatMap(({ name, problems }) =>
      problems.map((problem) => `${name}: ${problem}`),
    )
    return [...new Set(all)]
  }

  /** @returns the table as text */
  table(): string {
    const head = ['phase', 'sent', 'statuses', 'slowest', 'failed']
    const used = this.#phases.filter(({ sent }) => sent > 0)
    const lines = used.map(({ name, sent, statuses, slowestMs, problems }) => [
      name,
      sent,
      [...statuses].map(([status, count]) => `${status}×${count}`).join(' '),
      `${Math.round(slowestMs)} ms`,
      problems.length,
    ])
    return [head, head.map(() => '---'), ...lines]
      .map((cells) => `| ${cells.join(' | ')} |`)
      .join('\n')
  }

  get #current(): Phase {
    const phase = this.#phases.at(-1)
    if (!phase) throw new Error('no phase has begun')
    return phase
  }
}
