import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '../until.ts'
import type { ResponseCounts } from './client.ts'
import type { Role } from './roles.ts'

/** Clients that work all the time, each at its own pace. */
export class Load {
  /** Responses that the clients must not receive. */
  readonly failures: string[] = []
  readonly #cycles = new Map<Role, number>()
  readonly #responses: ResponseCounts
  readonly #running: Promise<void>[] = []
  #isStopped = false

  constructor(responses: ResponseCounts) {
    this.#responses = responses
  }

  start(...roles: Role[]): void {
    for (const role of roles) this.#running.push(this.#run(role))
  }

  /** Waits until each client has completed `cycles` more cycles. */
  async waitForCycles(cycles: number): Promise<void> {
    const wanted = new Map([...this.#cycles].map(([role, done]) => [role, done + cycles]))
    const isDone = () =>
      [...wanted].every(([role, count]) => (this.#cycles.get(role) ?? 0) >= count)
    await until(isDone, () => 'a client makes no progress')
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await Promise.all(this.#running)
  }

  async #run(role: Role): Promise<void> {
    for (let cycles = 0; !this.#isStopped; cycles++) {
      this.#cycles.set(role, cycles)
      await role.cycle().catch((error) => {
        this.failures.push(`${this.#responses.phase}: ${role.name}: ${describe(error)}`)
      })
      await sleep(role.paceMs) // a person is slower than a loop
    }
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
