import { randomUUID } from 'node:crypto'
import type { TestContext } from 'node:test'
import type { Identity } from '../database/sign-in.ts'
import { PASSWORD } from '../database/template.ts'
import type { Client } from './client.ts'
import { type AccountEntry, type CredentialEntry, Ledger, outcomeOf, Possible } from './ledger.ts'
import type { Answer } from './observer.ts'
import { repeat } from './repeat.ts'

/** Pauses between the requests of one actor, so that two cores suffice for several tests. */
const READ_PAUSE_MS = 20
const WRITE_PAUSE_MS = 60
/** For requests that hash a password. The check of the ledger hashes one for each new account, too. */
const HASH_PAUSE_MS = 150

/** How many registrations are given up at once. */
const HANG_UPS = 4

/** A client, or what chooses one for each request. */
export type Sender = Pick<Client, 'send'>

interface People {
  admin: Identity
  reader: Identity
  /** Their credentials come and go. */
  sessions: Identity
  tokens: Identity[]
  /** Its password and state change. */
  changed: Identity
}

/**
 * The mixed load: actors that send one request after the other, each on accounts of its own, and
 * write every outcome into the ledger.
 */
export class Load {
  readonly ledger = new Ledger()
  readonly #client: Sender
  readonly #people: People
  readonly #stops: (() => Promise<void>)[]
  readonly #registered: AccountEntry[] = []
  readonly #ids = new Map<AccountEntry, number>()
  readonly #changed: AccountEntry

  constructor(t: TestContext, client: Sender, people: People) {
    this.#client = client
    this.#people = people
    for (const { id: userId, headers } of [people.sessions, ...people.tokens]) {
      const works = new Possible(true)
      this.ledger.addCredential({ userId, kind: 'session', headers, works })
    }
    this.#changed = this.ledger.addAccount(people.changed.username, PASSWORD, new Possible(true))
    this.#stops = [
      repeat(t, READ_PAUSE_MS, () => this.#readSelf()),
      repeat(t, READ_PAUSE_MS, () => this.#readOther()),
      repeat(t, HASH_PAUSE_MS, () => this.#register()),
      repeat(t, HASH_PAUSE_MS, () => this.#logInAndOut()),
      ...people.tokens.map((owner) =>
        repeat(t, WRITE_PAUSE_MS, () => this.#makeAndEndToken(owner)),
      ),
      repeat(t, WRITE_PAUSE_MS, () => this.#change()),
    ]
  }

  /** @returns when the last answer is there */
  async stop(): Promise<void> {
    await Promise.all(this.#stops.map((stop) => stop()))
  }

  /** Writes whose clients do not wait for the answer. None of them may be carried out. */
  async hangUp(afterMs: number): Promise<void> {
    const { admin, changed } = this.#people
    const disabled = this.#changed.disabled.certain !== true
    const path = `/user/${changed.id}`
    const patch = { method: 'PATCH', path, body: { disabled }, headers: admin.headers }
    const patched = this.#client.send({ ...patch, hangUpAfterMs: afterMs })
    const registered = Array.from({ length: HANG_UPS }, () => this.#register(afterMs))
    await Promise.all([patched, ...registered])
    this.#changed.disabled.write(disabled, outcomeOf(await patched))
  }

  #readSelf(): Promise<Answer> {
    return this.#client.send({ kind: 'read', path: '/me', headers: this.#people.reader.headers })
  }

  #readOther(): Promise<Answer> {
    const { headers } = this.#people.reader
    return this.#client.send({ kind: 'read', path: `/user/${this.#people.admin.id}`, headers })
  }

  async #register(hangUpAfterMs?: number): Promise<void> {
    const username = `new-${randomUUID()}`
    const exists = new Possible(false)
    const body = { username, password: PASSWORD }
    const post = { kind: 'write', method: 'POST', path: '/user', body } as const
    const answer = await this.#client.send({
      ...post,
      ...(hangUpAfterMs !== undefined && { hangUpAfterMs }),
    })
    exists.write(true, outcomeOf(answer))
    const entry = this.ledger.addAccount(username, PASSWORD, exists)
    const { user } = answer.body
    if (!isIdentified(user)) return
    this.#ids.set(entry, user.id)
    this.#registered.push(entry)
  }

  async #logInAndOut(): Promise<void> {
    const { id: userId, username } = this.#people.sessions
    const body = { username, password: PASSWORD }
    const answer = await this.#client.send({ kind: 'login', method: 'POST', path: '/login', body })
    if (answer.cookie === undefined || answer.status !== 200) {
      return this.ledger.addUnseen(userId, outcomeOf(answer))
    }
    const headers = { cookie: answer.cookie }
    const works = new Possible(true)
    const entry = this.ledger.addCredential({ userId, kind: 'session', headers, works })
    await this.#end(entry, 'POST', '/logout', headers)
  }

  async #makeAndEndToken({ id: userId, headers }: Identity): Promise<void> {
    const making = { kind: 'write', method: 'POST', path: '/tokens', body: { name: 'x' } } as const
    const answer = await this.#client.send({ ...making, headers })
    const { id, token } = answer.body
    if (answer.status !== 200) return this.ledger.addUnseen(userId, outcomeOf(answer))
    const entry = this.ledger.addCredential({
      userId,
      kind: 'token',
      headers: { authorization: `Bearer ${token}` },
      works: new Possible(true),
    })
    await this.#end(entry, 'DELETE', `/tokens/${id}`, headers)
  }

  async #end(
    { works }: CredentialEntry,
    method: string,
    path: string,
    headers: Record<string, string>,
  ): Promise<void> {
    const answer = await this.#client.send({ kind: 'write', method, path, headers })
    works.write(false, outcomeOf(answer))
  }

  /** An admin changes a password, disables or enables the account, and deletes another one. */
  async #change(): Promise<void> {
    const { admin, changed } = this.#people
    const { headers } = admin
    const password = `password ${randomUUID()}`
    const path = `/user/update-password/${changed.id}`
    const put = { kind: 'write', method: 'PUT', path, headers, body: { password } } as const
    this.#changed.password.write(password, outcomeOf(await this.#client.send(put)))

    const disabled = this.#changed.disabled.certain !== true
    const patch = { method: 'PATCH', path: `/user/${changed.id}`, body: { disabled } }
    const patched = await this.#client.send({ kind: 'write', ...patch, headers })
    this.#changed.disabled.write(disabled, outcomeOf(patched))

    const doomed = this.#registered.shift()
    if (!doomed) return
    const removal = { method: 'DELETE', path: `/user/${this.#ids.get(doomed)}` }
    const removed = await this.#client.send({ kind: 'write', ...removal, headers })
    doomed.exists.write(false, outcomeOf(removed))
  }
}

function isIdentified(value: unknown): value is { id: number } {
  return typeof value === 'object' && value !== null && 'id' in value
}
