import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Identity } from '../database/sign-in.ts'
import { PASSWORD } from '../database/template.ts'
import type { Client } from './client.ts'
import type { Answer } from './observer.ts'

/** Shorter than `retry-after`, so that retries meet requests that are still being processed. */
const PAUSE_MS = 100
/** Some clients do not wait for the answer: it is lost, before or after the commit. */
const HANG_UPS = 0.2
const LONGEST_WAIT_MS = 30
/** No fault of a test lasts as long. */
const PATIENCE_MS = 60_000

/** A request that was sent until it had an answer. */
export interface Finished {
  /** The name of the token or of the account: one for each key. */
  name: string
  tries: number
  answer: Answer
}

/**
 * Sends changes with a key each, and repeats each until it has an answer: on any of the servers, as clients behind
 * a load balancer do.
 */
export class RetryingClient {
  readonly finished: Finished[] = []
  /** The owner of the tokens; without one, it registers accounts. */
  readonly owner: Identity | undefined
  readonly #servers: Client[]
  #isStopped = false
  readonly #running: Promise<void>

  constructor(servers: Client[], owner?: Identity) {
    this.#servers = servers
    this.owner = owner
    this.#running = this.#run()
  }

  /** @returns when the last request has its answer */
  stop(): Promise<void> {
    this.#isStopped = true
    return this.#running
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const name = `new-${randomUUID()}`
      this.finished.push({ name, ...(await this.#sendUntilAnswered(name)) })
    }
  }

  async #sendUntilAnswered(name: string): Promise<Omit<Finished, 'name'>> {
    const call = this.owner
      ? { path: '/tokens', body: { name } }
      : { path: '/user', body: { username: name, password: PASSWORD } }
    const headers = { ...this.owner?.headers, 'idempotency-key': randomUUID() }
    const deadline = performance.now() + PATIENCE_MS
    for (let tries = 1; ; tries++) {
      const server = this.#servers[Math.floor(Math.random() * this.#servers.length)]
      if (!server) throw new Error('there is no server')
      const hangsUp = Math.random() < HANG_UPS && { hangUpAfterMs: Math.random() * LONGEST_WAIT_MS }
      const answer = await server.send({ method: 'POST', ...call, headers, ...hangsUp })
      const mustRetry = answer.status === 0 || answer.status === 503
      const isInProgress = answer.code === 'IDEMPOTENCY_IN_PROGRESS'
      if ((!mustRetry && !isInProgress) || performance.now() > deadline) return { tries, answer }
      await sleep(PAUSE_MS * (0.5 + Math.random()))
    }
  }
}
