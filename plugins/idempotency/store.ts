import { timingSafeEqual } from 'node:crypto'
import type { Queryable } from '../../db/client.ts'
import * as responses from '../../db/queries/idempotency/responses.ts'
import { errors } from '../errors/errors.ts'
import { type Answer, fromBytes, toBytes } from './answer.ts'
import { fingerprintOf, type IdempotentRequest, recordIds } from './identity.ts'
import { open, seal } from './seal.ts'

export interface StoreOptions {
  /** For ids and fingerprints, one for each secret: the first one writes, all of them read. */
  macKeys: Buffer[]
  /** For the answers, in the same order. */
  sealKeys: Buffer[]
  /** How long an answer is kept. */
  retentionMs: number
}

/** The stored answer to one request. */
export class StoredAnswer {
  readonly #request: IdempotentRequest
  readonly #options: StoreOptions
  readonly #ids: Buffer[]

  constructor(request: IdempotentRequest, options: StoreOptions) {
    this.#request = request
    this.#options = options
    this.#ids = recordIds(request, options.macKeys)
  }

  /** What requests in parallel with the same caller, operation and key have in common. */
  get name(): string {
    return this.#ids[0]?.toString('latin1') ?? ''
  }

  /**
   * @returns the record of the first answer; undefined if there is none, or it has expired
   * @throws an error of the database
   */
  read(db: Queryable): Promise<responses.IdempotentResponse | undefined> {
    return responses.find(db, this.#ids)
  }

  /**
   * @param record of `read`, by this request or one of the same name
   * @throws IDEMPOTENCY_KEY_REUSED if it belongs to another request, or no secret opens it
   */
  open(record: responses.IdempotentResponse): Answer {
    const { macKeys, sealKeys } = this.#options
    const index = macKeys.findIndex((key) =>
      timingSafeEqual(fingerprintOf(this.#request, key), record.fingerprint),
    )
    const sealKey = sealKeys[index]
    const bytes = sealKey && open(sealKey, record.id, record.response)
    if (!bytes) throw new errors.IDEMPOTENCY_KEY_REUSED()
    return fromBytes(bytes)
  }

  /**
   * @returns the first answer; undefined if there is none, or it has expired
   * @throws what `read` and `open` throw
   */
  async find(db: Queryable): Promise<Answer | undefined> {
    const record = await this.read(db)
    return record && this.open(record)
  }

  /**
   * Inserts the answer.
   *
   * @returns false if another attempt has inserted one: a change in this transaction must be rolled back
   * @throws an error of the database
   */
  async insert(tx: Queryable, answer: Answer): Promise<boolean> {
    const { macKeys, sealKeys, retentionMs } = this.#options
    const [[id], [macKey], [sealKey]] = [this.#ids, macKeys, sealKeys]
    if (!id || !macKey || !sealKey) throw new Error('there is no secret')
    const fingerprint = fingerprintOf(this.#request, macKey)
    const response = seal(sealKey, id, toBytes(answer))
    return responses.insert(tx, { id, fingerprint, response }, retentionMs)
  }
}
