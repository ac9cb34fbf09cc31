import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Call, Client } from '../clients/client.ts'
import type { Sender } from '../clients/load.ts'
import { type Answer, Observer } from '../clients/observer.ts'
import { repeat } from '../clients/repeat.ts'
import type { Gatehouse } from '../server/gatehouse.ts'
import type { Phases } from './phases.ts'

const PROBE_EVERY_MS = 100
const MAX_ATTEMPTS = 3
const MS_PER_S = 1_000

interface Backend {
  server: Gatehouse
  client: Client
  isReady: boolean
}

/**
 * Sends each request as a load balancer and a client do. The balancer rotates through the
 * instances that were ready at the last probe, and goes to another one if a connection is refused. The client repeats
 * a 503 after `retry-after`. Nothing else is repeated.
 */
export class Balancer implements Sender {
  readonly #backends: Backend[]
  readonly #phases: Phases
  #next = 0

  constructor(t: TestContext, servers: Gatehouse[], phases: Phases) {
    this.#phases = phases
    this.#backends = servers.map((server) => {
      const client = new Client(server.url, new Observer())
      client.mayFail = 'all' // `send` checks it
      t.after(() => client.close())
      return { server, client, isReady: true }
    })
    for (const backend of this.#backends) {
      repeat(t, PROBE_EVERY_MS, async () => {
        backend.isReady = await respondsReady(backend.server.url)
      })
    }
  }

  async send(call: Call): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#sendOnce(call)
      const isTooBusy = answer.status === 503 && answer.code !== 'OUTCOME_UNKNOWN'
      if (!isTooBusy || attempt === MAX_ATTEMPTS) {
        if (answer.status < 200 || answer.status >= 300) {
          const reason = answer.failure ?? `${answer.status} ${answer.code}`
          this.#phases.complain(
            `${call.method ?? 'GET'} ${call.path.replace(/\d+/, '{id}')}: ${reason}`,
          )
        }
        return answer
      }
      await sleep(Number(answer.retryAfter) * MS_PER_S)
    }
  }

  /** Sends a request to each instance that responds. @returns the answers */
  async sendToEach(call: Call): Promise<Answer[]> {
    const answers = await Promise.all(this.#backends.map(({ client }) => client.send(call)))
    return answers.filter(({ status }) => status !== 0)
  }

  async #sendOnce(call: Call): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      const backend = this.#choose()
      const answer = await backend.client.send(call)
      this.#phases.count(`${call.method ?? 'GET'} ${call.path}`, answer)
      if (answer.failure !== 'ECONNREFUSED' || attempt === MAX_ATTEMPTS) return answer
      backend.isReady = false
    }
  }

  #choose(): Backend {
    const ready = this.#backends.filter(({ isReady }) => isReady)
    const candidates = ready.length > 0 ? ready : this.#backends
    const backend = candidates[this.#next++ % candidates.length]
    if (!backend) throw new Error('a balancer has instances')
    return backend
  }
}

async function respondsReady(url: string): Promise<boolean> {
  const answer = fetch(`${url}/readyz`, { headers: { connection: 'close' } })
  return answer.then(
    ({ ok }) => ok,
    () => false,
  )
}
