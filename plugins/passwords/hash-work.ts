import { performance } from 'node:perf_hooks'
import { hash } from '@node-rs/bcrypt'
import type { ForeignHash } from './stored-hash.ts'

/** How many of the newest times count. Odd, for the median. */
const RECENT = 15
/** How many kinds of foreign hashes are remembered. A Flask service has one or two. */
const MAX_KINDS = 100
const MIN_COST = 4
/** Shorter runs of bcrypt are not counted: the fixed work of each hash distorts them. */
const MIN_COUNTED_ROUNDS = 2 ** 7

/**
 * Estimates the work of foreign hashes in rounds of bcrypt, and fills up the work of cheaper ones,
 * so that response times do not reveal an account by its hash (OWASP ASVS 5.0, 6.3.8).
 *
 * The estimate compares the medians of the newest times of both. The first failed login for
 * each kind of hash in a process is estimated from one measurement, so its response time can differ.
 */
export class HashWork {
  /** In ms per round. */
  readonly #round = new RecentTimes()
  /** In ms per hash, by scheme and parameters. */
  readonly #foreign = new Map<string, RecentTimes>()

  /** Runs and times `work`, which takes `rounds` rounds of bcrypt. */
  async countRounds<T>(rounds: number, work: () => Promise<T>): Promise<T> {
    const { result, ms } = await timed(work)
    if (rounds >= MIN_COUNTED_ROUNDS || this.#round.isEmpty) this.#round.add(ms / rounds)
    return result
  }

  /**
   * Runs and times `work`, which computes one hash with the parameters of `stored`.
   *
   * @returns also the estimated work, in rounds of bcrypt
   */
  async countForeign<T>(stored: ForeignHash, work: () => Promise<T>) {
    const { result, ms } = await timed(work)
    const times = this.#timesOf(kindOf(stored))
    times.add(ms)
    return { result, rounds: times.median / this.#round.median }
  }

  /**
   * Hashes `password` for about `rounds` rounds, in multiples of 16 (bcrypt's minimum cost is 4). It
   * rounds down, because each hash has some fixed work beside its rounds.
   */
  async fill(password: string, rounds: number): Promise<void> {
    const step = 2 ** MIN_COST
    let left = Math.floor(rounds / step) * step
    while (left >= step) {
      const cost = Math.floor(Math.log2(left))
      await this.countRounds(2 ** cost, () => hash(password, { cost }))
      left -= 2 ** cost
    }
  }

  #timesOf(kind: string): RecentTimes {
    const known = this.#foreign.get(kind)
    if (known) return known
    if (this.#foreign.size >= MAX_KINDS) this.#foreign.clear()
    const times = new RecentTimes()
    this.#foreign.set(kind, times)
    return times
  }
}

class RecentTimes {
  readonly #times: number[] = []

  get isEmpty(): boolean {
    return this.#times.length === 0
  }

  /** NaN as long as there is none. */
  get median(): number {
    const sorted = [...this.#times].sort((a, b) => a - b)
    return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  }

  add(time: number): void {
    this.#times.push(time)
    if (this.#times.length > RECENT) this.#times.shift()
  }
}

function kindOf(stored: ForeignHash): string {
  return stored.scheme === 'scrypt'
    ? `scrypt:${stored.N}:${stored.r}:${stored.p}`
    : `pbkdf2:${stored.hashFunction}:${stored.iterations}`
}

/**
 * @returns also the time that `work` took, at most: the lower of the time by the clock, to which
 *   other processes add, and the processor time of this process, to which its other work adds
 */
async function timed<T>(work: () => Promise<T>): Promise<{ result: T; ms: number }> {
  const startedAt = performance.now()
  const before = process.cpuUsage()
  const result = await work()
  const { user, system } = process.cpuUsage(before)
  const ms = Math.min(performance.now() - startedAt, (user + system) / 1_000)
  return { result, ms }
}
