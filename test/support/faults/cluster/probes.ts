import type { TestContext } from 'node:test'
import type { Client } from '../clients/client.ts'
import { repeat } from '../clients/repeat.ts'
import type { Identity } from '../database/sign-in.ts'

const PAUSE_MS = 15

/**
 * Makes and ends tokens through one instance, and uses each at once through another: a fresh token
 * that is unknown there, or an ended one that is accepted, is stale.
 */
export class StaleProbe {
  reads = 0
  readonly stale: string[] = []
  readonly #writer: Client
  readonly #reader: Client
  readonly #owner: Identity

  constructor(writer: Client, reader: Client, owner: Identity) {
    this.#writer = writer
    this.#reader = reader
    this.#owner = owner
  }

  /** @returns a function that ends it, and resolves at the end */
  run(t: TestContext): () => Promise<void> {
    return repeat(t, PAUSE_MS, () => this.once())
  }

  async once(): Promise<void> {
    const { headers } = this.#owner
    const making = { method: 'POST', path: '/tokens', headers, body: { name: 'probe' } }
    const { status, body } = await this.#writer.send(making)
    if (status !== 200) return
    const token = { authorization: `Bearer ${body.token}` }
    await this.#read(token, 401, 'a fresh token is unknown')
    const ending = { method: 'DELETE', path: `/tokens/${body.id}`, headers }
    const ended = await this.#writer.send(ending)
    if (ended.status === 200) await this.#read(token, 200, 'an ended token is accepted')
  }

  async #read(headers: Record<string, string>, wrong: number, what: string): Promise<void> {
    const { status } = await this.#reader.send({ path: '/me', headers })
    if (status === 200 || status === 401) this.reads++
    if (status === wrong) this.stale.push(what)
  }
}

/** Follows the audit trail as a client does: it keeps the last cursor, and never reads back. */
export class Feed {
  readonly ids: number[] = []
  readonly #reader: Client
  readonly #admin: Identity
  #cursor = ''

  constructor(reader: Client, admin: Identity) {
    this.#reader = reader
    this.#admin = admin
  }

  run(t: TestContext): () => Promise<void> {
    return repeat(t, PAUSE_MS, () => this.readOn())
  }

  /** Reads one page. @returns whether there was anything new */
  async readOn(): Promise<boolean> {
    const after = this.#cursor === '' ? '' : `&cursor=${this.#cursor}`
    const path = `/events?order=oldest&limit=100${after}`
    const { status, body } = await this.#reader.send({ path, headers: this.#admin.headers })
    if (status !== 200 || !Array.isArray(body.items)) return true
    for (const { id } of body.items) this.ids.push(Number(id))
    if (typeof body.nextCursor === 'string') this.#cursor = body.nextCursor
    return body.items.length > 0
  }
}
