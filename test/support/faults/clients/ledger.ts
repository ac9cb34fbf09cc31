import { verify } from '@node-rs/bcrypt'
import type { DatabaseServer } from '../database/database-server.ts'
import { Client } from './client.ts'
import { type Answer, Observer } from './observer.ts'

/** What a client knows about a write by its answer. */
export type Outcome = 'done' | 'not-done' | 'unknown'

/**
 * @returns `not-done` for every refusal but OUTCOME_UNKNOWN, and for a client that hung up: the
 * server must not carry out what nobody waits for
 */
export function outcomeOf({ status, code, failure }: Answer): Outcome {
  if (status >= 200 && status < 300) return 'done'
  if (status === 0) return failure === 'hung up' ? 'not-done' : 'unknown'
  return code === 'OUTCOME_UNKNOWN' || (status >= 500 && status !== 503) ? 'unknown' : 'not-done'
}

/** The values that a field may have, by the answers to the writes. */
export class Possible<T> {
  #values: T[]
  #refused: T[] = []

  constructor(value: T) {
    this.#values = [value]
  }

  write(value: T, outcome: Outcome): void {
    if (outcome === 'not-done') this.#refused.push(value)
    else if (outcome === 'unknown') this.#values.push(value)
    else {
      this.#values = [value]
      this.#refused = []
    }
  }

  get all(): readonly T[] {
    return this.#values
  }

  /** Whether a refused write gives this value. */
  hasRefused(value: T): boolean {
    return this.#refused.includes(value)
  }

  /** @returns the only value, or undefined if several are possible */
  get certain(): T | undefined {
    return new Set(this.#values).size === 1 ? this.#values[0] : undefined
  }
}

/** What must hold of an account. */
export interface AccountEntry {
  username: string
  exists: Possible<boolean>
  disabled: Possible<boolean>
  password: Possible<string>
}

/** What must hold of a session or a token. */
export interface CredentialEntry {
  userId: number
  kind: 'session' | 'token'
  headers: Record<string, string>
  works: Possible<boolean>
}

/** How many credentials are tried over HTTP, the latest ones. */
const TRIED_CREDENTIALS = 60
/** How many hashes are verified, the latest ones: each takes 60 ms of processor time. */
const VERIFIED_HASHES = 30

/** The ledger: what the clients of a test know about the writes that they sent. */
export class Ledger {
  readonly #accounts: AccountEntry[] = []
  readonly #credentials: CredentialEntry[] = []
  /** Credentials of an account that may exist although the client never got them. */
  readonly #unseen = new Map<number, number>()

  addAccount(username: string, password: string, exists: Possible<boolean>): AccountEntry {
    const entry = {
      username,
      exists,
      disabled: new Possible(false),
      password: new Possible(password),
    }
    this.#accounts.push(entry)
    return entry
  }

  addCredential(entry: CredentialEntry): CredentialEntry {
    this.#credentials.push(entry)
    return entry
  }

  /** A login or a new token without a 2xx answer. */
  addUnseen(userId: number, outcome: Outcome): void {
    const more = outcome === 'unknown' ? 1 : 0
    this.#unseen.set(userId, (this.#unseen.get(userId) ?? 0) + more)
  }

  /** Compares every entry with the database, and the latest credentials over HTTP too. */
  async verify(url: string, database: DatabaseServer): Promise<Findings> {
    const findings = new Findings()
    await this.#verifyAccounts(database, findings)
    await this.#countCredentials(database, findings)
    const client = new Client(url, new Observer())
    for (const { kind, userId, headers, works } of this.#credentials.slice(-TRIED_CREDENTIALS)) {
      const { status } = await client.send({ path: '/me', headers })
      if (status !== 200 && status !== 401) {
        findings.unverified.push(`${kind} of ${userId}: ${status}`)
        break
      }
      findings.compare(`${kind} of ${userId}`, works, status === 200)
    }
    client.close()
    return findings
  }

  async #verifyAccounts(database: DatabaseServer, findings: Findings): Promise<void> {
    const rows = await database.query('SELECT username, disabled, password_hash AS hash FROM users')
    const stored = new Map(rows.map((row) => [row.username, row]))
    for (const { username, exists, disabled } of this.#accounts) {
      const row = stored.get(username)
      findings.compare(`account ${username}`, exists, row !== undefined)
      if (row) findings.compare(`${username}, disabled`, disabled, row.disabled === 1)
    }
    const present = this.#accounts.filter(({ username }) => stored.has(username))
    for (const { username, password } of present.slice(-VERIFIED_HASHES)) {
      const hash = String(stored.get(username)?.hash)
      const matches = await Promise.all(password.all.map((each) => verify(each, hash)))
      if (!matches.includes(true)) findings.lost.push(`password of ${username}`)
    }
  }

  /** Finds sessions and tokens that no client knows of. */
  async #countCredentials(database: DatabaseServer, findings: Findings): Promise<void> {
    for (const userId of new Set(this.#credentials.map((entry) => entry.userId))) {
      const [row] = await database.query(
        `SELECT (SELECT COUNT(*) FROM sessions WHERE user_id = ${userId})
              + (SELECT COUNT(*) FROM tokens WHERE user_id = ${userId}) AS count`,
      )
      const possible = this.#credentials.filter(
        (entry) => entry.userId === userId && entry.works.all.includes(true),
      )
      const extra = Number(row?.count) - possible.length - (this.#unseen.get(userId) ?? 0)
      if (extra > 0) findings.undue.push(`${extra} credentials of ${userId}`)
    }
  }
}

/** Differences between the ledger and the database. */
export class Findings {
  /** Acknowledged, and not there. */
  readonly lost: string[] = []
  /** Refused or given up, and carried out nevertheless. */
  readonly undue: string[] = []
  /** The server has not recovered. */
  readonly unverified: string[] = []

  add({ lost, undue, unverified }: Findings): void {
    this.lost.push(...lost)
    this.undue.push(...undue)
    this.unverified.push(...unverified)
  }

  compare(what: string, expected: Possible<boolean>, found: boolean): void {
    if (expected.all.includes(found)) return
    const list = expected.hasRefused(found) ? this.undue : this.lost
    list.push(what)
  }
}
