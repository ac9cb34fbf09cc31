import { type Database, readColumn } from '../client.ts'
import { toIsoTimestamp } from '../clock.ts'
import type { ConnectionPool } from '../connections/pool.ts'
import type { Actor } from '../queries/authority.ts'
import type { SessionLimits } from '../queries/live-sessions.ts'
import type { UserRecord } from '../queries/users.ts'
import { BatchQueue, type Pending } from './batch.ts'
import { LIMITS, UNVERIFIED_LIMITS } from './limits.ts'
import {
  ACCOUNT_COLUMNS,
  createStatements,
  queryFor,
  SEPARATOR,
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

/** Where the parts of a row end: its kind, the credential, its owner; then comes a wanted account. */
const KIND_END = 1
const CREDENTIAL_END = 4
const ACTOR_END = CREDENTIAL_END + ACCOUNT_COLUMNS

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
  for (const row of rows) {
    const values = row.split(SEPARATOR)
    const [kind, digest = '', credentialId, isDue] = values
    if (kind === 'session' || kind === 'token') {
      const credential = { kind, id: Number(credentialId), isStale: isDue === '1' } as const
      actors[kind].set(digest, { ...parseUser(values, CREDENTIAL_END), credential })
      if (values.length === ACTOR_END) continue // CONCAT_WS leaves out the NULLs of the join
    }
    const user = parseUser(values, kind === 'user' ? KIND_END : ACTOR_END)
    users.set(user.id, user)
  }
  for (const { key, resolve } of batch) {
    const { session = '', token = '', userId } = key
    resolve({
      actor: actors.session.get(session) ?? actors.token.get(token),
      user: userId === undefined ? null : users.get(userId),
    })
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
