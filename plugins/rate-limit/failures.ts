import type { FastifyRequest } from 'fastify'
import { FifoMap } from 'toad-cache'
import { keyOf, type Usage } from './memory.ts'

/** How many addresses are remembered. Beyond it, the first one is forgotten. */
const MAX_ADDRESSES = 10_000

/**
 * The limit of an operation that counts only requests with an invalid credential. They count as requests
 * of their address. An address that exceeds the limit by one of them is blocked until its window ends.
 */
export class FailureLimit {
  readonly #count: (request: FastifyRequest) => Usage | Promise<Usage>
  readonly #max: number
  readonly #isExempt: (address: string) => boolean
  readonly #blockedUntil = new FifoMap<number>(MAX_ADDRESSES)

  constructor(
    count: (request: FastifyRequest) => Usage | Promise<Usage>,
    { max, isExempt }: { max: number; isExempt: (address: string) => boolean },
  ) {
    this.#count = count
    this.#max = max
    this.#isExempt = isExempt
  }

  /** @returns until when the address of a request is blocked, in ms from now; 0 if it is not */
  blockedMs({ clientAddress = '' }: FastifyRequest): number {
    const until = this.#blockedUntil.get(keyOf(clientAddress))
    return until === undefined ? 0 : Math.max(0, until - performance.now())
  }

  /** Counts a request with an invalid credential. */
  async note(request: FastifyRequest): Promise<void> {
    const { clientAddress = '' } = request
    if (this.#isExempt(clientAddress)) return
    const { requests, leftMs } = await this.#count(request)
    if (requests <= this.#max) return
    this.#blockedUntil.set(keyOf(clientAddress), performance.now() + leftMs)
  }
}
