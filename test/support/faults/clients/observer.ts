/** The standard: every answer arrives within this time. */
export const ANSWER_LIMIT_MS = 3_000

/** What a request needs to succeed. Each kind must recover on its own. */
export type Kind = 'read' | 'write' | 'login' | 'other'

/** What a client sees of one request. */
export interface Answer {
  /** 0 if there was no answer. */
  status: number
  code: string
  /** Why there was no answer. */
  failure?: string
  retryAfter: string | undefined
  cookie: string | undefined
  /** It is the first answer to an earlier request with the same `Idempotency-Key`. */
  isReplay?: boolean
  body: Record<string, unknown>
  ms: number
}

/** Counts what the clients of a test see, and checks each answer. */
export class Observer {
  sent = 0
  acknowledged = 0
  slowestMs = 0
  /** The method, the path and the status. */
  slowest = ''
  readonly statuses = new Map<string, number>()
  readonly #violations = new Map<string, number>()
  readonly #seen: { kind: Kind; status: number; at: number; ms: number }[] = []
  readonly #limitMs: number

  constructor(limitMs = ANSWER_LIMIT_MS) {
    this.#limitMs = limitMs
  }

  /**
   * @param call the method and the path
   * @param mayFail whether no answer is as expected: the client or the server process is gone
   */
  see(kind: Kind, call: string, answer: Answer, mayFail: boolean): void {
    const { status, code, failure, ms } = answer
    this.sent++
    const name = status === 0 ? (failure ?? 'no answer') : String(status)
    this.statuses.set(name, (this.statuses.get(name) ?? 0) + 1)
    this.#seen.push({ kind, status, at: performance.now(), ms })
    if (status === 0) {
      if (!mayFail || failure === 'hang') this.violate(`no answer: ${name}`)
      return
    }
    if (ms > this.slowestMs) {
      this.slowestMs = ms
      this.slowest = `${call} ${status}`
    }
    if (ms > this.#limitMs) this.violate(`answered after more than ${this.#limitMs} ms`)
    if (status >= 500 && status !== 503) this.violate(`${status} ${code}`)
    if (status === 503 && !/^\d+$/.test(answer.retryAfter ?? '')) {
      this.violate('503 without retry-after')
    }
    if (!call.startsWith('GET') && status < 300) this.acknowledged++
  }

  violate(what: string): void {
    this.#violations.set(what, (this.#violations.get(what) ?? 0) + 1)
  }

  get violations(): string[] {
    return [...this.#violations].map(([what, count]) => `${what} (${count} times)`)
  }

  /** @returns the answers to requests of a kind, 0 for none, since a time of performance.now() */
  seen(kind: Kind, since = 0) {
    return this.#seen.filter((entry) => entry.kind === kind && entry.at >= since)
  }

  /** @returns the time from `since` to the first success of a kind after it */
  recoveryMs(kind: Kind, since: number): number | undefined {
    const success = this.seen(kind, since).find(({ status }) => status >= 200 && status < 300)
    return success && success.at - since
  }
}
