import { Agent, request } from 'node:http'
import { json } from 'node:stream/consumers'
import type { Answer, Kind, Observer } from './observer.ts'

/** A client gives up after this time, and the test fails. */
const HANG_MS = 10_000

export interface Call {
  kind?: Kind
  method?: string
  path: string
  headers?: Record<string, string>
  body?: unknown
  /** The client closes the connection if it has no answer after this time. */
  hangUpAfterMs?: number
}

/** Sends requests on connections that it keeps open, and reports each answer to the observer. */
export class Client {
  /** Which requests may get no answer while the server ends: those sent now, or those in flight too. */
  mayFail: 'none' | 'new' | 'all' = 'none'
  readonly #url: string
  readonly #observer: Observer
  readonly #agent: Agent

  constructor(url: string, observer: Observer, { keepAlive = true } = {}) {
    this.#url = url
    this.#observer = observer
    this.#agent = new Agent({ keepAlive })
  }

  /** @returns the answer. A request without an answer has the status 0; it does not reject */
  async send(call: Call): Promise<Answer> {
    const { kind = 'other', method = 'GET', hangUpAfterMs } = call
    const mayFail = this.mayFail !== 'none' || hangUpAfterMs !== undefined
    const answer = await this.#exchange(call)
    this.#observer.see(kind, `${method} ${call.path}`, answer, mayFail || this.mayFail === 'all')
    return answer
  }

  close(): void {
    this.#agent.destroy()
  }

  #exchange(call: Call): Promise<Answer> {
    const { method = 'GET', path, headers = {}, body, hangUpAfterMs } = call
    const startedAt = performance.now()
    const answer = { code: '', retryAfter: undefined, cookie: undefined, body: {} }
    const timeSpent = () => performance.now() - startedAt
    return new Promise((done) => {
      const payload = body === undefined ? undefined : JSON.stringify(body)
      const asking = request(`${this.#url}${path}`, {
        method,
        agent: this.#agent,
        headers: {
          ...headers,
          ...(payload !== undefined && {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(payload),
          }),
        },
      })
      const failure = hangUpAfterMs === undefined ? 'hang' : 'hung up'
      const timer = setTimeout(
        () => asking.destroy(Object.assign(new Error(failure), { code: failure })),
        hangUpAfterMs ?? HANG_MS,
      )
      const fail = (error: NodeJS.ErrnoException) => {
        clearTimeout(timer)
        done({ ...answer, status: 0, failure: error.code ?? error.message, ms: timeSpent() })
      }
      asking.on('error', fail)
      asking.on('response', (response) => {
        const { statusCode: status = 0, headers } = response
        json(response).then((parsed) => {
          clearTimeout(timer)
          const content = isRecord(parsed) ? parsed : {}
          const cookie = headers['set-cookie']?.[0]?.split(';')[0]
          const retryAfter = headers['retry-after']
          const code = typeof content.code === 'string' ? content.code : ''
          const isReplay = headers['idempotency-replayed'] === 'true'
          done({ status, code, retryAfter, cookie, isReplay, body: content, ms: timeSpent() })
        }, fail)
      })
      asking.end(payload)
    })
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
