import type { TestContext } from 'node:test'
import type { Client } from '../clients/client.ts'
import { repeat } from '../clients/repeat.ts'
import type { Identity } from '../database/sign-in.ts'
import { PASSWORD } from '../database/template.ts'

const PAUSE_MS = 15

type Headers = Record<string, string>

/**
 * Opens and ends access through one instance, and uses it at once through another: fresh access that is
 * unknown there, or access that has ended and is accepted, is stale.
 */
abstract class StaleProbe {
  reads = 0
  readonly stale: string[] = []
  readonly #reader: Client

  constructor(reader: Client) {
    this.#reader = reader
  }

  /** @returns the headers with which a request has the access; undefined if it was not opened */
  protected abstract open(): Promise<Headers | undefined>
  /** Ends what was opened last. @returns whether it has ended */
  protected abstract end(): Promise<boolean>

  /** @returns a function that ends the probe, and resolves at its end */
  run(t: TestContext): () => Promise<void> {
    return repeat(t, PAUSE_MS, () => this.once())
  }

  async once(): Promise<void> {
    const access = await this.open()
    if (!access) return
    await this.#read(access, 401, 'fresh access is unknown')
    if (await this.end()) await this.#read(access, 200, 'access that has ended is accepted')
  }

  async #read(headers: Headers, wrong: number, what: string): Promise<void> {
    const { status } = await this.#reader.send({ path: '/me', headers })
    if (status === 200 || status === 401) this.reads++
    if (status === wrong) this.stale.push(what)
  }
}

/** Makes and ends tokens, which takes no hash. */
export class TokenProbe extends StaleProbe {
  readonly #writer: Client
  readonly #owner: Identity
  #id: unknown

  constructor(writer: Client, reader: Client, owner: Identity) {
    super(reader)
    this.#writer = writer
    this.#owner = owner
  }

  protected override async open(): Promise<Headers | undefined> {
    const { headers } = this.#owner
    const making = { method: 'POST', path: '/tokens', headers, body: { name: 'probe' } }
    const { status, body } = await this.#writer.send(making)
    this.#id = body.id
    return status === 200 ? { authorization: `Bearer ${body.token}` } : undefined
  }

  protected override async end(): Promise<boolean> {
    const { headers } = this.#owner
    const ending = { method: 'DELETE', path: `/tokens/${this.#id}`, headers }
    return (await this.#writer.send(ending)).status === 200
  }
}

/** Logs in and out. */
export class LoginProbe extends StaleProbe {
  readonly #writer: Client
  readonly #username: string
  #headers: Headers = {}

  constructor(writer: Client, reader: Client, username: string) {
    super(reader)
    this.#writer = writer
    this.#username = username
  }

  protected override async open(): Promise<Headers | undefined> {
    const body = { username: this.#username, password: PASSWORD }
    const { status, cookie = '' } = await this.#writer.send({
      method: 'POST',
      path: '/login',
      body,
    })
    this.#headers = { cookie }
    return status === 200 ? this.#headers : undefined
  }

  protected override async end(): Promise<boolean> {
    const ending = { method: 'POST', path: '/logout', headers: this.#headers }
    return (await this.#writer.send(ending)).status === 200
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
