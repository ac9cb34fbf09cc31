import { type Database, readColumn } from '../client.ts'
import { toIsoTimestamp } from '../clock.ts'
import type { ConnectionPool } from '../connections/pool.ts'
import type { Actor, Credential } from '../queries/authority.ts'
import type { SessionLimits } from '../queries/live-sessions.ts'
import type { UserRecord } from '../queries/users.ts'
import { BatchQueue, type Pending } from './batch.ts'
import { LIMITS, UNVERIFIED_LIMITS } from './limits.ts'
import {
  ACCOUNT_COLUMNS,
  CREDENTIAL_COLUMNS,
  createStatements,
  queryFor,
  SEPARATOR,
  scopesOf,
  type Wanted,
} from './statements.ts'

/** How many connections the lookups need: the last one replaces one that is given up. */
export const LOOKUP_CONNECTIONS = LIMITS.maxRunning + UNVERIFIED_LIMITS.maxRunning + 1

export interface Found {
  /** The owner of the session or token; undefined if there is none. */
  actor: Actor | undefined
  /** Undefined if it does not exist, null if it was not wanted. */
  user: UserRecord | undefined | null
}

/** Where the account begins in a row that has no credential. */
const KIND_END = 1

type Batch = readonly Pending<Wanted, Found>[]

/** Finds callers and accounts for all requests of one iteration of the event loop by one query. */
export class Lookups {
  /** The connections that it uses. */
  readonly pool: ConnectionPool
  readonly #queue: BatchQueue<Wanted, Found>
  readonly #unverified: BatchQueue<Wanted, Found>

  /** @param db a pool of LOOKUP_CONNECTIONS that nothing else uses, so that nothing delays it */
  constructor(db: Database, limits: SessionLimits) {
    this.pool = db.pool
    const statements = createStatements(limits)
    const run = async (batch: Batch) => {
      const keys = batch.map(({ key }) => key)
      resolveBatch(batch, await readColumn(db, queryFor(keys, statements)))
    }
    this.#queue = new BatchQueue(LIMITS, run)
    this.#unverified = new BatchQueue(UNVERIFIED_LIMITS, run)
  }

  /** To be observed. */
  get queues() {
    return { verified: this.#queue, unverified: this.#unverified }
  }

  /**
   * @param cause the request that the lookup is for
   * @throws LookupError, or an error of the database
   */
  find(wanted: Wanted, cause?: object): Promise<Found> {
    return this.#queue.load(wanted, cause)
  }

  /**
   * For a token without a valid MAC. Uses a queue of its own, so that forged tokens do not delay
   * other lookups.
   *
   * @param cause the request that the lookup is for
   * @throws LookupError, or an error of the database
   */
  findUnverified(wanted: { token: string }, cause?: object): Promise<Found> {
    return this.#unverified.load(wanted, cause)
  }
}

function resolveBatch(batch: Batch, rows: string[]): void {
  const actors = { session: new Map<string, Actor>(), token: new Map<string, Actor>() }
  const users = new Map<number, UserRecord>()
  const addUser = (values: string[], start: number) => {
    const user = parseUser(values, start)
    users.set(user.id, user)
  }
  for (const row of rows) {
    const values = row.split(SEPARATOR)
    const [kind, digest = ''] = values
    if (kind !== 'session' && kind !== 'token') {
      addUser(values, KIND_END)
      continue
    }
    // The credential, its owner, and then a wanted account: CONCAT_WS leaves out the NULLs of the join.
    const ownerStart = CREDENTIAL_COLUMNS[kind]
    const credential = parseCredential(kind, values)
    actors[kind].set(digest, { ...parseUser(values, ownerStart), credential })
    const ownerEnd = ownerStart + ACCOUNT_COLUMNS
    if (values.length > ownerEnd) addUser(values, ownerEnd)
  }
  for (const { key, resolve } of batch) {
    const { session = '', token = '', userId } = key
    resolve({
      actor: actors.session.get(session) ?? actors.token.get(token),
      user: userId === undefined ? null : users.get(userId),
    })
  }
}

function parseCredential(kind: 'session' | 'token', values: string[]): Credential {
  const [, , id, isDue, ownerKind, scopes, addressRanges = ''] = values
  const credential = { id: Number(id), isStale: isDue === '1' }
  if (kind === 'session') return { kind, ...credential }
  return {
    kind,
    ...credential,
    ownerKind: ownerKind === 'service' ? 'service' : 'person',
    scopes: scopesOf(scopes),
    addressRanges: addressRanges === '' ? undefined : addressRanges,
  }
}

/** @param start the index of the account's id in the values of a row */
function parseUser(values: string[], start: number): UserRecord {
  return {
    id: Number(values[start]),
    username: values[start + 1] ?? '',
    role: values[start + 2] === 'admin' ? 'admin' : 'user',
    version: Number(values[start + 3]),
    createdAt: toIsoTimestamp(values[start + 4] ?? ''),
  }
}
