import { randomUUID } from 'node:crypto'
import { type CredentialEntry, type Ledger, Possible } from '../clients/ledger.ts'
import type { Answer } from '../clients/observer.ts'
import { PASSWORD } from '../database/template.ts'
import type { Balancer } from './balancer.ts'
import type { Phases } from './phases.ts'

type Headers = Record<string, string>

/**
 * Clients that register, log in, read their account, make a token and log out. Every second one keeps
 * its session and its token, and uses them until the end.
 */
export class Visitors {
  readonly #balancer: Balancer
  readonly #ledger: Ledger
  readonly #phases: Phases
  readonly #kept: CredentialEntry[] = []
  #visits = 0
  #refusals = 0

  constructor(balancer: Balancer, ledger: Ledger, phases: Phases) {
    this.#balancer = balancer
    this.#ledger = ledger
    this.#phases = phases
  }

  /** The number of credentials in use, and of refusals after a logout. */
  get summary(): string {
    return `${this.#kept.length} credentials kept, ${this.#refusals} refusals of ended ones`
  }

  /** One client from its registration to its logout. A failed request ends the visit. */
  async visit(): Promise<void> {
    const username = `visitor-${randomUUID()}`
    const body = { username, password: PASSWORD }
    const registered = await this.#send('POST', '/user', {}, body)
    if (registered.status !== 200) return
    this.#ledger.addAccount(username, PASSWORD, new Possible(true))
    const { cookie, status } = await this.#send('POST', '/login', {}, body)
    if (status !== 200 || cookie === undefined) return
    const session = { cookie }
    const userId = Number((await this.#send('GET', '/me', session)).body.id)
    const { id, token } = (await this.#send('POST', '/tokens', session, { name: 'x' })).body
    if (token === undefined) return
    const bearer = { authorization: `Bearer ${token}` }
    const credentials = [
      this.#ledger.addCredential(entryOf(userId, 'session', session)),
      this.#ledger.addCredential(entryOf(userId, 'token', bearer)),
    ]
    await this.#readAs(userId, bearer)
    if (this.#visits++ % 2 === 0) this.#kept.push(...credentials)
    else {
      await this.#end(credentials[1], 'DELETE', `/tokens/${id}`, session)
      await this.#end(credentials[0], 'POST', '/logout', session)
    }
    this.#phases.countRound()
  }

  /** Uses each credential that was kept. */
  async useKept(): Promise<void> {
    for (const { userId, headers } of this.#kept) await this.#readAs(userId, headers)
  }

  async #readAs(userId: number, headers: Headers): Promise<void> {
    const { status, body } = await this.#send('GET', '/me', headers)
    if (status === 200 && body.id !== userId) this.#phases.complain('the account of another')
  }

  /** Ends a credential. No instance, of whatever version, may then accept it. */
  async #end(entry: CredentialEntry | undefined, method: string, path: string, session: Headers) {
    const { status } = await this.#send(method, path, session)
    if (!entry || status !== 200) return
    entry.works.write(false, 'done')
    const { headers, kind } = entry
    for (const { status } of await this.#balancer.sendToEach({ path: '/me', headers })) {
      if (status === 401) this.#refusals++
      else if (status !== 503) this.#phases.complain(`a ${kind} after its end: ${status}`)
    }
  }

  #send(method: string, path: string, headers: Headers, body?: unknown): Promise<Answer> {
    return this.#balancer.send({ method, path, headers, ...(body !== undefined && { body }) })
  }
}

function entryOf(userId: number, kind: CredentialEntry['kind'], headers: Headers): CredentialEntry {
  return { userId, kind, headers, works: new Possible(true) }
}
