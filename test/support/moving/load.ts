import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '../until.ts'
import type { Sightings } from './client.ts'
import type { Role } from './roles.ts'

/** Clients that work all the time, each at its own pace. */
export class Load {
  /** What the clients must not see. */
  readonly failures: string[] = []
  readonly #cycles = new Map<Role, number>()
  readonly #sightings: Sightings
  readonly #running: Promise<void>[] = []
  #isStopped = false

  constructor(sightings: Sightings) {
    this.#sightings = sightings
  }

  start(...roles: Role[]): void {
    for (const role of roles) this.#running.push(this.#run(role))
  }

  /** Waits until each client has completed that many cycles from now on. */
  async workOn(cycles: number): Promise<void> {
    const wanted = new Map([...this.#cycles].map(([role, done]) => [role, done + cycles]))
    const isDone = () =>
      [...wanted].every(([role, count]) => (this.#cycles.get(role) ?? 0) >= count)
    await until(isDone, () => 'a client stands still')
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await Promise.all(this.#running)
  }

  async #run(role: Role): Promise<void> {
    for (let cycles = 0; !this.#isStopped; cycles++) {
      this.#cycles.set(role, cycles)
      await role.cycle().catch((error) => {
        this.failures.push(`${this.#sightings.phase}: ${role.name}: ${describe(error)}`)
      })
      await sleep(role.paceMs) // a person is slower than a loop
    }
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
