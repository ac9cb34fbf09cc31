import { createHash, createHmac } from 'node:crypto'
import { type Actor, isLimited } from '../../db/queries/authority.ts'

/** A validated request with an `Idempotency-Key`. */
export interface IdempotentRequest {
  key: string
  /** Undefined for an anonymous request. */
  caller: Pick<Actor, 'id' | 'credential'> | undefined
  method: string
  /** The pattern of the path, such as `/user/:id`. */
  route: string
  /** Path and query. */
  url: string
  /** The versions to which the change is limited. */
  ifMatch: string | undefined
  body: unknown
}

/**
 * The ids that a record of the request can have, the one to write first.
 *
 * The id of an account's request depends on no secret: instances with other secrets must find the same record. Anybody can send an
 * anonymous request, so its id depends on the body: guessing a key finds nothing, and two strangers who chose
 * the same key have a record each.
 *
 * @param macKeys one for each secret
 * @returns 32 bytes each
 */
export function recordIds(request: IdempotentRequest, macKeys: Buffer[]): Buffer[] {
  const { caller, method, route, key } = request
  if (caller) {
    // A limited token gets no answer to what it may not do itself.
    const tokenId = isLimited(caller) ? caller.credential.id : null
    const text = JSON.stringify([caller.id, tokenId, method, route, key])
    return [createHash('sha256').update(text).digest()]
  }
  const text = JSON.stringify(['id', method, route, key, sorted(request.body)])
  return macKeys.map((macKey) => mac(macKey, text))
}

/**
 * Identifies what a key was first used for. The idempotency key is a part of it and is stored nowhere: who has
 * the database and the secret would need it too, to guess a password in the body at the speed of a digest.
 *
 * @returns 32 bytes
 */
export function fingerprintOf(request: IdempotentRequest, macKey: Buffer): Buffer {
  const { key, url, ifMatch = null, body } = request
  return mac(macKey, JSON.stringify(['request', key, url, ifMatch, sorted(body)]))
}

function mac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

/** @returns the same JSON value with the properties of its objects in order; null for no body */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value ?? null
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return entries.map(([name, part]) => [name, sorted(part)])
}
